// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <filesystem>
#include <string>

namespace opendext::bench {

/// What a call to a driver costs, next to other ways from process to process, all measured in turns. Prints a
/// table and writes `json_folder`/call.json. @return one line when something did not work; a missed target is
/// no error.
[[nodiscard]] std::expected<void, std::string> RunCallBenchmark(
    const std::filesystem::path &json_folder);

}  // namespace opendext::bench
