// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <filesystem>
#include <string>
#include <vector>

#include "toolchain/project/setting_levels.h"
#include "toolchain/project/yaml_tree.h"

namespace opendext::toolchain {

/// The build settings of a specification for XcodeGen. Borrows the specification.
class XcodeGenSettings {
public:
    XcodeGenSettings(const YamlValue &specification, const std::filesystem::path &file);

    /// The names of the build configurations, sorted.
    [[nodiscard]] std::vector<std::string> Configurations() const;
    /// What a build uses when none is asked for: options.defaultConfig, or the first by name.
    [[nodiscard]] std::string DefaultConfiguration() const;

    /// Adds the levels of one configuration: what XcodeGen presets, then .xcconfig file and settings, first the
    /// project's and then the target's.
    [[nodiscard]] std::expected<void, std::string> Add(const YamlValue &target,
                                                       const std::string &configuration,
                                                       SettingLevels &settings,
                                                       std::vector<std::string> &warnings) const;

private:
    [[nodiscard]] std::expected<void, std::string> AddOwner(
        const YamlValue &owner, const std::string &configuration, SettingLevels &settings,
        std::vector<std::string> &warnings) const;
    [[nodiscard]] std::expected<void, std::string> AddSettings(
        const YamlValue &node, const std::string &configuration, int depth,
        std::vector<SettingAssignment> &level) const;
    [[nodiscard]] bool ConfigurationFits(const std::string &key,
                                         const std::string &configuration) const;

    const YamlValue &specification_;
    const std::filesystem::path &file_;
};

}  // namespace opendext::toolchain
