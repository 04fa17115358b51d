// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "benchmarks/memory/app/way.h"
#include "benchmarks/memory/results.h"

namespace opendext::bench {

/// Moves buffers of 4 bytes to `max_bytes`, growing by 4, along each way, in turns; adds what that took.
/// @return one line when a transfer failed.
[[nodiscard]] std::expected<void, std::string> MeasureTransfers(
    const std::vector<std::unique_ptr<Way>> &ways, uint64_t max_bytes, MemoryResults &results);

}  // namespace opendext::bench
