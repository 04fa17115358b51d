// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "benchmarks/build_location.h"

namespace opendext::bench {

/// Runs opendext-bench-driver-app with `arguments` under `opendext run` with `run_arguments`: dexts and devices.
/// @return what it says, an object.
[[nodiscard]] std::expected<nlohmann::ordered_json, std::string> RunDriverApplication(
    const BuildLocation &build, const std::vector<std::string> &run_arguments,
    const std::vector<std::string> &arguments);

}  // namespace opendext::bench
