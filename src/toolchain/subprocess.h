// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <string>
#include <vector>

namespace opendext::toolchain {

struct ProcessResult {
    int status = 0;      ///< Exit status, or 128 + signal.
    std::string output;  ///< stdout and stderr, when captured.
};

/// Runs a program found through PATH and waits for it. `capture`: its output is returned instead of shown.
/// The error says why it could not be started.
[[nodiscard]] std::expected<ProcessResult, std::string> RunProcess(
    const std::vector<std::string> &command, bool capture);

}  // namespace opendext::toolchain
