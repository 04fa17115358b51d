// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <filesystem>
#include <string>

namespace opendext::toolchain {

/// All of a file of a project. The error is `FILE: error: ...`; a folder, a device and a file above 64 MiB are errors.
[[nodiscard]] std::expected<std::string, std::string> ReadTextFile(
    const std::filesystem::path &file);

}  // namespace opendext::toolchain
