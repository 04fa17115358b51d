// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <expected>
#include <string>

#include "benchmarks/samples.h"

namespace opendext::bench {

/// What two processes need at least to ask and answer: a word in one cache line there, one in another back, both
/// sides spinning. Adds `count` round trips. @return one line when it could not be measured.
[[nodiscard]] std::expected<void, std::string> MeasurePingPong(size_t count, Samples &samples);

}  // namespace opendext::bench
