// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <filesystem>
#include <string>
#include <vector>

namespace opendext::toolchain {

/// What a driver and its tests are compiled with besides.
enum class Instrumentation {
    kNone,
    kAddress,   ///< AddressSanitizer and UndefinedBehaviorSanitizer.
    kThread,    ///< ThreadSanitizer.
    kCoverage,  ///< Which lines run; of the driver only.
};

/// The arguments for clang, when it compiles and when it links.
[[nodiscard]] std::vector<std::string> InstrumentationArguments(Instrumentation instrumentation);

/// "asan", "tsan", "coverage", or "".
[[nodiscard]] std::string InstrumentationName(Instrumentation instrumentation);

/// Whether it can be had here. The error says what to install, or that this OpenDext is itself built with another sanitizer.
[[nodiscard]] std::expected<void, std::string> CheckInstrumentation(
    Instrumentation instrumentation);

/// The file of that name that clang would link with; empty: there is none.
[[nodiscard]] std::filesystem::path FindCompilerFile(const std::string &name);

}  // namespace opendext::toolchain
