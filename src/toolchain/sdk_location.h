// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <filesystem>
#include <string>

namespace opendext::toolchain {

/// Where the tools, the SDK and the libraries of this OpenDext are: all of them beside the running program,
/// so that a build tree, or what was installed, can be moved. Immutable.
struct SdkLocation {
    std::filesystem::path programs;   ///< bin: iig, opendextd, opendext-host.
    std::filesystem::path libraries;  ///< lib: libopendext-*.so.
    /// sdk, or share/opendext/sdk when installed: DriverKit, IOKit...; libc in it is an include root of its own.
    std::filesystem::path sdk;

    /// Finds them from /proc/self/exe. The error names what is missing.
    [[nodiscard]] static std::expected<SdkLocation, std::string> OfThisProgram();
};

}  // namespace opendext::toolchain
