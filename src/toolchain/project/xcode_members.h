// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "toolchain/project/project_target.h"
#include "toolchain/project/xcode_objects.h"
#include "toolchain/project/xcode_paths.h"

namespace opendext::toolchain {

/// What belongs to a target.
struct XcodeMembers {
    std::vector<ProjectSource> sources;  ///< In the order of the project.
    std::vector<std::filesystem::path>
        headers;  ///< Of the Headers phase and of synchronized folders.
    std::vector<std::string>
        libraries;  ///< Identifiers of the targets whose static libraries it links.
    std::vector<std::string> warnings;  ///< Scripts that are not run.
};

/// Reads the build phases of a target, and the folders that are synchronized with it, less the exceptions that they
/// have. `target_id` is the target's identifier; `paths` are of the same objects.
[[nodiscard]] XcodeMembers MembersOf(const XcodeObjects &objects, const XcodePaths &paths,
                                     const std::string &target_id);

}  // namespace opendext::toolchain
