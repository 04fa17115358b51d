// SPDX-License-Identifier: Apache-2.0
/// @file timer_clock.h
/// The kIOTimerClock* constants as clocks.
#pragma once

#include <cstdint>
#include <optional>

#include "base/clock.h"

namespace opendext::dispatch {

/// The clock of a kIOTimerClock* constant, or nullopt for any other number. Ticks and nanoseconds are the same.
[[nodiscard]] std::optional<ClockDomain> ClockOfTimerOption(uint64_t option);

}  // namespace opendext::dispatch
