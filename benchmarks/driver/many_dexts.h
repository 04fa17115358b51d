// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <string>

#include <nlohmann/json.hpp>

#include "benchmarks/build_location.h"

namespace opendext::bench {

/// Runs `num_dexts` different dexts at once, each in a process of its own with `num_clients` connections that all call.
/// @return "answered", the calls that were answered as they should be; "private_MiB", the largest private memory of a
/// driver process; "private_average_MiB".
[[nodiscard]] std::expected<nlohmann::ordered_json, std::string> MeasureManyDexts(
    const BuildLocation &build, unsigned num_dexts, unsigned num_clients);

}  // namespace opendext::bench
