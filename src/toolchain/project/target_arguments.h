// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "toolchain/project/project_target.h"
#include "toolchain/source_options.h"

namespace opendext::toolchain {

/// How a target compiles its sources, out of its build settings: the language standards, search paths
/// (HEADER_, USER_HEADER_, SYSTEM_HEADER_SEARCH_PATHS, with /** for folders below), GCC_PREPROCESSOR_DEFINITIONS,
/// GCC_PREFIX_HEADER, WARNING_CFLAGS, OTHER_CFLAGS and OTHER_CPLUSPLUSFLAGS. What only the original's compiler
/// knows (-framework, -arch, -fmodules...) is left out; warnings are never made errors but by those flags.
class TargetArguments {
public:
    /// The error is one line with the place of the setting.
    [[nodiscard]] static std::expected<TargetArguments, std::string> Of(
        const ProjectTarget &target);

    /// Of a source of the target, or the code that iig makes of an interface; its own flags come last.
    [[nodiscard]] std::expected<SourceOptions, std::string> ForSource(
        const ProjectSource &source) const;
    /// What iig is given to read an interface: search paths and definitions, those among the flags too.
    [[nodiscard]] SourceOptions ForInterfaces() const;

private:
    explicit TargetArguments(const ProjectTarget &target) : target_(&target) {}

    const ProjectTarget *target_;
    std::string c_standard_;
    std::string cxx_standard_;
    std::vector<std::string> preprocessor_;
    std::vector<std::string> c_flags_;
    std::vector<std::string> cxx_flags_;
};

/// `words` without what clang knows on the original only, and with paths relative to `directory` made absolute.
[[nodiscard]] std::vector<std::string> PortableFlags(const std::vector<std::string> &words,
                                                     const std::filesystem::path &directory);

/// Whether EXCLUDED_SOURCE_FILE_NAMES of the settings names the file and INCLUDED_SOURCE_FILE_NAMES does not.
[[nodiscard]] std::expected<bool, std::string> IsExcluded(const SettingLevels &settings,
                                                          const std::filesystem::path &file);

}  // namespace opendext::toolchain
