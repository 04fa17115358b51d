// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <filesystem>
#include <string>
#include <vector>

#include "toolchain/project/project_target.h"
#include "toolchain/project/yaml_tree.h"

namespace opendext::toolchain {

/// What the `sources` of a target stand for.
struct XcodeGenSources {
    std::vector<ProjectSource> sources;
    std::vector<std::filesystem::path> headers;
    std::filesystem::path
        info_plist;  ///< The first Info.plist among the files; empty: there is none.
};

/// Looks the files up: folders with all below them, less what `excludes` and `includes` say. `options` are the
/// specification's, whose fileTypes say what is compiled. The error names a path that does not exist.
[[nodiscard]] std::expected<XcodeGenSources, std::string> ResolveSources(
    const YamlValue &target, const YamlValue *options, const std::filesystem::path &file);

}  // namespace opendext::toolchain
