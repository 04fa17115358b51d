// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <filesystem>
#include <string>

#include "toolchain/project/yaml_tree.h"

namespace opendext::toolchain {

/// Puts `added` onto `base`: maps are merged, lists are appended to lists, all else is replaced. A key that ends in
/// ":REPLACE" replaces whatever there is.
void MergeYaml(YamlValue &base, const YamlValue &added);

/// A specification with what it includes merged below it. Paths of an included file are relative to that file,
/// unless it says relativePaths: false; they come out relative to the first one. Specifications that include each
/// other in a circle are an error; the error is `FILE:LINE: error: ...`.
[[nodiscard]] std::expected<YamlValue, std::string> ReadSpecification(
    const std::filesystem::path &file);

/// A target with the templates that it names merged below it, and their ${attributes} filled in.
[[nodiscard]] std::expected<YamlValue, std::string> WithTemplates(
    const YamlValue &specification, const YamlValue &target, const std::string &target_name,
    const std::filesystem::path &file);

}  // namespace opendext::toolchain
