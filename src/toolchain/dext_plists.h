// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <filesystem>
#include <string>
#include <vector>

#include "toolchain/build_settings.h"
#include "toolchain/dext_folder.h"

namespace opendext::toolchain {

/// The property lists of a built dext, ready to be written. Texts in XML.
struct DextPlists {
    std::string info;
    std::string entitlements;           ///< Empty: the folder has none.
    std::string executable;             ///< CFBundleExecutable.
    std::vector<std::string> warnings;  ///< One line each.
};

/// Expands the build settings in the folder's property lists, adds the CFBundle keys that Xcode generates, and
/// checks that they are well formed. The error is `file:line: error: ...` with the fix.
[[nodiscard]] std::expected<DextPlists, std::string> PreparePlists(const DextFolder &folder,
                                                                   const BuildSettings &settings);

}  // namespace opendext::toolchain
