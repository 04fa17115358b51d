// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <string>

#include "benchmarks/memory/app/memory_client.h"
#include "benchmarks/memory/results.h"

namespace opendext::bench {

/// What descriptors cost in the driver, alone and among many live ones. Adds figures.
/// @return one line when a call failed.
[[nodiscard]] std::expected<void, std::string> MeasureDriverSide(MemoryClient &client,
                                                                 MemoryResults &results);

}  // namespace opendext::bench
