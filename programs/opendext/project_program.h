// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace opendext::cli {

/// Builds the tool or application of a project that `opendext cc` was given. `words` are those that stood beside the
/// project: --target NAME, --configuration NAME, --set NAME=VALUE, -o FILE, -v, and flags for the compiler.
/// @return the exit status of the command.
[[nodiscard]] int BuildProgramOfProject(const std::filesystem::path &project,
                                        const std::vector<std::string> &words);

}  // namespace opendext::cli
