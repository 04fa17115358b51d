// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string_view>

namespace opendext::toolchain {

/// What a file of a project is to a compiler.
enum class SourceType {
    kInterface,  ///< .iig
    kC,
    kCxx,
    kAssembler,
    kHeader,
    kObjectiveC,  ///< Objective-C and Objective-C++
    kSwift,
    kOther,  ///< Resources, property lists, scripts
};

/// By what a project says (explicitFileType, lastKnownFileType: "sourcecode.cpp.cpp"), when that names source
/// code, else by the name.
[[nodiscard]] SourceType SourceTypeOf(const std::filesystem::path &file, std::string_view stated);

/// Whether a folder of that name is one thing to Xcode, as .xcassets are, and not searched for sources.
[[nodiscard]] bool IsFileWrapper(const std::filesystem::path &folder);

}  // namespace opendext::toolchain
