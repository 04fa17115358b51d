// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <filesystem>
#include <string>
#include <vector>

#include "toolchain/instrumentation.h"
#include "toolchain/sdk_location.h"

namespace opendext::toolchain {

/// What `opendext test` is asked to build for a driver.
struct TestBuildRequest {
    std::vector<std::filesystem::path> sources;
    std::filesystem::path folder;                     ///< Of the tests.
    std::filesystem::path dext;                       ///< The driver under test, built already.
    std::vector<std::filesystem::path> include_dirs;  ///< Besides the tests' folder.
    std::vector<std::string> compiler_flags;          ///< After ours.
    std::filesystem::path output;                     ///< The program to make.
    Instrumentation instrumentation = Instrumentation::kNone;
    bool verbose = false;
};

/// Whether GoogleTest is installed and the test harness built. The error says what to do.
[[nodiscard]] std::expected<void, std::string> CheckTestLibraries(const SdkLocation &sdk);

/// The sources in a folder of tests, in the order of their names; folders below it are not searched. The error is one line
/// with the fix.
[[nodiscard]] std::expected<std::vector<std::filesystem::path>, std::string> FindTestSources(
    const std::filesystem::path &folder);

/// Builds the tests of a driver, with GoogleTest and the test harness. Steps whose inputs have not changed are left out.
/// Intermediate files live in `.NAME.build` beside the output. A build that fails leaves no program behind.
/// @return an error is empty when the compiler has said what is wrong already, else one line.
[[nodiscard]] std::expected<void, std::string> BuildTests(const TestBuildRequest &request,
                                                          const SdkLocation &sdk);

}  // namespace opendext::toolchain
