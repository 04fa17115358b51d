// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <string>

#include "benchmarks/memory/app/memory_client.h"
#include "benchmarks/memory/results.h"

namespace opendext::bench {

/// What 64 MiB cost the first time that a driver shares them with the application, next to touching as many fresh
/// pages. Adds figures. @return one line when a call failed.
[[nodiscard]] std::expected<void, std::string> MeasureFirstUse(MemoryClient &client,
                                                               MemoryResults &results);

}  // namespace opendext::bench
