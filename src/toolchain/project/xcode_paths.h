// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "toolchain/project/xcode_objects.h"

namespace opendext::toolchain {

/// Where the files and folders of a project lie: each is relative to the group that it is in, to the project, or to
/// nothing, as its sourceTree says. Borrows the objects.
class XcodePaths {
public:
    /// The error names a group that is within itself.
    [[nodiscard]] static std::expected<XcodePaths, std::string> Resolve(
        const XcodeObjects &objects, const std::filesystem::path &directory);

    /// The path of a file reference or folder, empty when it is none of the project's sources: a product, or a
    /// file of Xcode's own (SDKROOT, DEVELOPER_DIR).
    [[nodiscard]] std::filesystem::path PathOf(std::string_view id) const;
    /// The header files of the project, those in synchronized folders too.
    [[nodiscard]] std::vector<std::filesystem::path> Headers() const;
    /// The identifiers of the folders whose files are not listed one by one.
    [[nodiscard]] std::vector<std::string> SynchronizedFolders() const;

private:
    XcodePaths(const XcodeObjects &objects, std::filesystem::path directory)
        : objects_(&objects), directory_(std::move(directory)) {}

    std::expected<void, std::string> Walk(const std::string &id,
                                          const std::filesystem::path &parent,
                                          std::vector<std::string> &open);
    [[nodiscard]] std::filesystem::path Place(const OpenStepValue &object,
                                              const std::filesystem::path &parent) const;

    const XcodeObjects *objects_;
    std::filesystem::path directory_;
    std::map<std::string, std::filesystem::path, std::less<>> paths_;
};

/// The files in a folder and below it, sorted, relative to it; folders that are one thing to Xcode
/// (IsFileWrapper) and hidden ones are left out.
[[nodiscard]] std::vector<std::filesystem::path> FilesBelow(const std::filesystem::path &folder);

}  // namespace opendext::toolchain
