// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "toolchain/project/project_target.h"
#include "toolchain/project/xcode_objects.h"
#include "toolchain/project/xcode_paths.h"

namespace opendext::toolchain {

/// The build configurations of a project and its targets.
class XcodeSettings {
public:
    XcodeSettings(const XcodeObjects &objects, const XcodePaths &paths)
        : objects_(objects), paths_(paths) {}

    /// The configuration that a build uses when none is asked for: the project's default, as of xcodebuild.
    [[nodiscard]] std::string DefaultConfiguration() const;

    /// Adds the levels of one configuration: the project's .xcconfig, the project's own settings, the target's
    /// .xcconfig, the target's own. A target without that configuration has its default one. The error names
    /// the configurations when `configuration` is none of the project's.
    [[nodiscard]] std::expected<void, std::string> Add(const OpenStepValue &target,
                                                       const std::string &configuration,
                                                       SettingLevels &settings,
                                                       std::vector<std::string> &warnings) const;

private:
    [[nodiscard]] std::expected<void, std::string> AddConfiguration(
        const OpenStepValue &configuration, SettingLevels &settings,
        std::vector<std::string> &warnings) const;

    const XcodeObjects &objects_;
    const XcodePaths &paths_;
};

}  // namespace opendext::toolchain
