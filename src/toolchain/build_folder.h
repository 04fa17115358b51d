// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <filesystem>
#include <string>
#include <vector>

#include "toolchain/project_headers.h"
#include "toolchain/source_options.h"

namespace opendext::toolchain {

/// Writes `text` unless the file holds it already: what depends on it is then not due again. False: not written.
[[nodiscard]] bool WriteIfChanged(const std::filesystem::path &file, const std::string &text);

/// One line about a file that could not be written.
[[nodiscard]] std::string WriteFailure(const std::filesystem::path &file);

/// The header maps of a build, in its folder of intermediate files.
struct HeaderMapFiles {
    std::vector<std::filesystem::path> files;
    std::vector<std::string> arguments;  ///< With which a compiler uses them.
};
/// Writes them; none for no headers.
[[nodiscard]] std::expected<HeaderMapFiles, std::string> WriteHeaderMaps(
    const ProjectHeaders &headers, const std::filesystem::path &build_dir);

/// Runs `build_dir`/build.ninja, and shows what compilers say of code against the SDK in `sdk`. An error is empty when
/// they have said what is wrong.
[[nodiscard]] std::expected<void, std::string> RunNinja(const std::filesystem::path &build_dir,
                                                        const std::filesystem::path &sdk,
                                                        bool verbose);

/// The name of a language after -x.
[[nodiscard]] const char *LanguageName(SourceOptions::Language language);

}  // namespace opendext::toolchain
