// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace opendext::rig {

/// A folder of this test alone; it goes, with all that is in it, with this object.
class PrivateFolder {
public:
    PrivateFolder();
    ~PrivateFolder();
    PrivateFolder(const PrivateFolder &) = delete;
    PrivateFolder &operator=(const PrivateFolder &) = delete;

    [[nodiscard]] const std::filesystem::path &path() const { return path_; }

    /// Writes a file in it, with the folders that it needs. @return its path.
    std::filesystem::path Write(const std::filesystem::path &name, std::string_view text) const;

    /// Copies the test driver `probe` to `NAME.dext` in it, as a driver of its own: bundle identifier
    /// org.opendext.test.NAME. Each first string of `changes` becomes the second in its Info.plist.
    [[nodiscard]] std::filesystem::path ProbeVariant(
        const std::string &name,
        const std::vector<std::pair<std::string, std::string>> &changes) const;

private:
    std::filesystem::path path_;
};

/// A driver that the build has made: "echo", "probe".
[[nodiscard]] std::filesystem::path BuiltDext(std::string_view name);

/// A program that the build has made.
[[nodiscard]] std::filesystem::path BuiltProgram(std::string_view name);

}  // namespace opendext::rig
