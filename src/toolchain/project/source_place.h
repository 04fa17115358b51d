// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace opendext::toolchain {

/// Where something stands, for messages.
struct SourcePlace {
    std::filesystem::path file;
    int line = 0;  ///< Counted from 1; 0: not known.

    [[nodiscard]] std::string ToString() const {
        return line == 0 ? file.string() : fmt::format("{}:{}", file.string(), line);
    }
    /// "FILE:LINE: error: MESSAGE".
    [[nodiscard]] std::string Error(std::string_view message) const {
        return fmt::format("{}: error: {}", ToString(), message);
    }
    /// "FILE:LINE: warning: MESSAGE".
    [[nodiscard]] std::string Warning(std::string_view message) const {
        return fmt::format("{}: warning: {}", ToString(), message);
    }
};

}  // namespace opendext::toolchain
