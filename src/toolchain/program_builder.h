// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "toolchain/project_headers.h"
#include "toolchain/sdk_location.h"
#include "toolchain/source_options.h"

namespace opendext::toolchain {

/// What `opendext cc` is asked for when it builds a program of a project.
struct ProgramBuildRequest {
    std::vector<std::filesystem::path> sources;
    std::map<std::filesystem::path, SourceOptions> source_options;  ///< Of each source.
    ProjectHeaders headers;
    std::string optimization = "-O1";         ///< Of the compiler; `compiler_flags` come after it.
    std::string name;                         ///< The file name that the project gives the program.
    std::filesystem::path output;             ///< The program to make.
    std::vector<std::string> compiler_flags;  ///< After the project's; linked with, too.
    bool verbose = false;
};

/// Builds an application against this OpenDext's IOKit library. Steps whose inputs have not changed are left out.
/// Intermediate files live in `.NAME.build` beside the output. A build that fails leaves no program behind.
/// @return an error is empty when the compiler has said what is wrong already, else one line.
[[nodiscard]] std::expected<void, std::string> BuildProgram(const ProgramBuildRequest &request,
                                                            const SdkLocation &sdk);

/// The arguments for clang that compile, and `link`, an application against this OpenDext's IOKit library.
[[nodiscard]] std::vector<std::string> ClientCompilerArguments(const SdkLocation &sdk, bool link);

}  // namespace opendext::toolchain
