// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <filesystem>
#include <string>
#include <vector>

namespace opendext::toolchain {

/// What is to be reported of a run of tests.
struct CoverageRequest {
    std::filesystem::path library;   ///< The dext's shared object, built with kCoverage.
    std::filesystem::path profiles;  ///< The folder where the run left its *.profraw.
    std::vector<std::filesystem::path> ignored;  ///< Folders whose files are not the driver's own.
    std::filesystem::path html;  ///< The folder to make; index.html in it is the entry.
};

/// Writes the HTML report. @return a summary by file, as text; the error is one line.
[[nodiscard]] std::expected<std::string, std::string> ReportCoverage(
    const CoverageRequest &request);

}  // namespace opendext::toolchain
