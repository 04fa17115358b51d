// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <filesystem>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "toolchain/project/setting_levels.h"
#include "toolchain/project/source_place.h"

namespace opendext::toolchain {

/// #include "name", or #include? "name", which may be absent.
struct XcconfigInclude {
    std::string name;
    bool is_optional = false;
    SourcePlace place;
};

/// What a line of an .xcconfig file says.
using XcconfigLine = std::variant<SettingAssignment, XcconfigInclude>;

/// The lines of an .xcconfig file in their order, without comments. The error is `FILE:LINE: error: ...`.
[[nodiscard]] std::expected<std::vector<XcconfigLine>, std::string> ParseXcconfig(
    std::string_view text, const std::filesystem::path &file);

/// The assignments of a file and of what it includes, in the order in which they override. An include is looked for
/// beside the file that names it. One that is absent and not optional is a line in `warnings`: it mostly holds
/// what is private to a machine, as the signing team. Files that include each other in a circle are an error.
[[nodiscard]] std::expected<std::vector<SettingAssignment>, std::string> ReadXcconfig(
    const std::filesystem::path &file, std::vector<std::string> &warnings);

}  // namespace opendext::toolchain
