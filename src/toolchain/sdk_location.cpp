// SPDX-License-Identifier: Apache-2.0
#include "toolchain/sdk_location.h"

#include <fmt/format.h>

namespace opendext::toolchain {

std::expected<SdkLocation, std::string> SdkLocation::OfThisProgram() {
    std::error_code error;
    const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", error);
    if (error) {
        return std::unexpected(
            fmt::format("/proc/self/exe: error: {}; is /proc mounted?", error.message()));
    }
    const std::filesystem::path root = program.parent_path().parent_path();
    SdkLocation location{
        .programs = program.parent_path(), .libraries = root / "lib", .sdk = root / "sdk"};
    const std::filesystem::path installed = root / "share/opendext/sdk";
    if (!std::filesystem::exists(location.sdk, error) &&
        std::filesystem::exists(installed, error)) {
        location.sdk = installed;
    }
    for (const auto &path : {location.sdk / "DriverKit" / "IOService.h",
                             location.libraries / "libopendext-runtime.so"}) {
        if (!std::filesystem::exists(path, error)) {
            return std::unexpected(fmt::format(
                "{}: error: missing; build OpenDext as a whole with './dev build release'",
                path.string()));
        }
    }
    return location;
}

}  // namespace opendext::toolchain
