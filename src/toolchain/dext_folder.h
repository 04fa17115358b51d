// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace opendext::toolchain {

/// The sources of a dext, in one folder or of a project. Immutable.
struct DextFolder {
    std::filesystem::path folder;                ///< Absolute; empty: of a project.
    std::vector<std::filesystem::path> iigs;     ///< *.iig
    std::vector<std::filesystem::path> sources;  ///< *.cpp, *.cc, *.cxx, *.c
    std::filesystem::path info_plist;  ///< Info.plist, or the one *.plist with IOKitPersonalities.
    std::optional<std::filesystem::path> entitlements;  ///< The one *.entitlements file.

    /// Looks into `path` itself, not into folders below it, and into `additional` files and folders. `path` may be a
    /// file too: then no folder is searched. `info_plist`: the one to use; empty: look for it.
    /// The error is one line with the fix.
    [[nodiscard]] static std::expected<DextFolder, std::string> Scan(
        const std::filesystem::path &path, const std::vector<std::filesystem::path> &additional,
        const std::filesystem::path &info_plist = {});
};

/// Whether each interface makes a header of a name of its own. The error names two that do not.
[[nodiscard]] std::expected<void, std::string> CheckInterfaceNames(
    const std::vector<std::filesystem::path> &iigs);

}  // namespace opendext::toolchain
