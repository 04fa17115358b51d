// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "toolchain/project/setting_levels.h"
#include "toolchain/project/source_place.h"
#include "toolchain/project/source_type.h"

namespace opendext::toolchain {

/// The product types that are treated differently; others are programs.
inline constexpr std::string_view kDextProduct = "com.apple.product-type.driver-extension";
inline constexpr std::string_view kStaticLibraryProduct = "com.apple.product-type.library.static";

/// A source that a target compiles.
struct ProjectSource {
    std::filesystem::path file;  ///< Absolute; whether it exists has not been looked at.
    SourceType type = SourceType::kOther;
    std::vector<std::string> flags;  ///< Of this file alone, with references to settings.
    SourcePlace place;               ///< Where the project lists it.
};

/// One target of a project in one build configuration: all that it takes to compile it.
struct ProjectTarget {
    std::string name;
    std::string product_type;         ///< com.apple.product-type.tool and its kind.
    std::filesystem::path file;       ///< project.pbxproj, project.yml.
    std::filesystem::path directory;  ///< SRCROOT, absolute: relative settings begin there.
    std::vector<ProjectSource> sources;
    std::vector<std::filesystem::path> headers;      ///< Of the whole project: found by name alone.
    std::vector<std::filesystem::path> own_headers;  ///< Of this target.
    SettingLevels settings{SettingContext()};
    std::vector<ProjectTarget> libraries;  ///< Static libraries of the project that it links.
    std::vector<std::string> warnings;     ///< One line each.
};

/// What a project says of a target before it is loaded.
struct TargetSummary {
    std::string name;
    std::string product_type;
};

/// What the command line asks for.
struct ProjectRequest {
    std::string configuration;  ///< Debug, Release...; empty: the project's default.
    std::string bundle_id;      ///< Empty: the project's.
    /// NAME=VALUE each: they override all that the project says.
    std::vector<SettingAssignment> overrides;
};

}  // namespace opendext::toolchain
