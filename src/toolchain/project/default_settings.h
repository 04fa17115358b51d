// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "toolchain/project/project_target.h"

namespace opendext::toolchain {

/// Levels of a target's settings, with what Xcode itself defines as the lowest: PRODUCT_NAME and what follows from
/// it, paths of the project, what property lists refer to. `target` has its name, type, file and directory.
[[nodiscard]] SettingLevels DefaultSettings(const ProjectTarget &target,
                                            const std::string &configuration,
                                            const std::string &development_language);

/// Adds what a request overrides as the highest level.
void AddOverrides(const ProjectRequest &request, SettingLevels &settings);

}  // namespace opendext::toolchain
