// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <filesystem>
#include <string>

namespace opendext::bench {

/// Measures what driver authors and many drivers on one machine cost: interrupts, building, memory, matching. Prints a table
/// and writes `folder`/driver.json. @return one line when something could not be measured.
[[nodiscard]] std::expected<void, std::string> RunDriverBenchmark(
    const std::filesystem::path &folder);

}  // namespace opendext::bench
