// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "toolchain/project/openstep_list.h"
#include "toolchain/project/source_place.h"

namespace opendext::toolchain {

/// The objects of a project.pbxproj, which refer to each other by identifiers. Immutable.
class XcodeObjects {
public:
    /// The error is `FILE:LINE: error: ...`.
    [[nodiscard]] static std::expected<XcodeObjects, std::string> Read(
        const std::filesystem::path &file);
    [[nodiscard]] static std::expected<XcodeObjects, std::string> Parse(
        std::string_view text, const std::filesystem::path &file);

    /// The PBXProject.
    [[nodiscard]] const OpenStepValue &project() const { return *project_; }
    /// The object of an identifier, or NULL. Borrowed from this object.
    [[nodiscard]] const OpenStepValue *Find(std::string_view id) const;
    /// The object that `object` refers to under `key`, or NULL.
    [[nodiscard]] const OpenStepValue *Follow(const OpenStepValue &object,
                                              std::string_view key) const;
    /// The identifiers in the array that `object` has under `key`.
    [[nodiscard]] static std::vector<std::string> Ids(const OpenStepValue &object,
                                                      std::string_view key);
    /// The objects that they name, without those that are missing.
    [[nodiscard]] std::vector<const OpenStepValue *> FollowAll(const OpenStepValue &object,
                                                               std::string_view key) const;
    [[nodiscard]] const OpenStepValue::Dictionary &all() const {
        return *root_.Find("objects")->IfDictionary();
    }

    [[nodiscard]] const std::filesystem::path &file() const { return file_; }
    [[nodiscard]] SourcePlace PlaceOf(const OpenStepValue &value) const {
        return {.file = file_, .line = value.line()};
    }

private:
    XcodeObjects(OpenStepValue root, std::filesystem::path file)
        : root_(std::move(root)), file_(std::move(file)) {}

    OpenStepValue root_;
    std::filesystem::path file_;
    const OpenStepValue *project_ = nullptr;
};

}  // namespace opendext::toolchain
