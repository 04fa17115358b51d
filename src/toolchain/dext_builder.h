// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "toolchain/build_settings.h"
#include "toolchain/dext_folder.h"
#include "toolchain/project_headers.h"
#include "toolchain/sdk_location.h"
#include "toolchain/source_options.h"

namespace opendext::toolchain {

/// What `opendext build` is asked for.
struct DextBuildRequest {
    DextFolder folder;
    BuildSettings settings;
    std::filesystem::path output;                     ///< X.dext
    std::vector<std::filesystem::path> include_dirs;  ///< Besides the dext's own folder.
    std::vector<std::string> compiler_flags;          ///< After ours.
    /// Arguments of InstrumentationArguments, to compile and to link with.
    std::vector<std::string> instrumentation;
    std::string language_standard = "gnu++20";
    /// Of a project: how each source and each .iig's generated code is compiled, and what iig is given. A source
    /// without an entry is compiled by its name and `language_standard`.
    std::map<std::filesystem::path, SourceOptions> source_options;
    SourceOptions interface_options;
    ProjectHeaders headers;
    bool optimize = true;  ///< -O1; else -O0, for stepping through with a debugger.
    bool verbose = false;
};

/// Builds a dext: iig over each .iig, clang over each source, one shared object, and the .dext folder with it
/// and the property lists. Steps whose inputs have not changed are left out. Intermediate files live in
/// `.NAME.dext.build` beside the output.
/// A build that fails leaves no .dext folder behind.
/// @return an error is empty when iig or the compiler has said what is wrong already, else one line.
[[nodiscard]] std::expected<void, std::string> BuildDext(const DextBuildRequest &request,
                                                         const SdkLocation &sdk);

}  // namespace opendext::toolchain
