// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "toolchain/project/project.h"
#include "toolchain/project/xcode_objects.h"

namespace opendext::toolchain {

/// A project of Xcode: X.xcodeproj with its project.pbxproj, up to the form with synchronized folders
/// (objectVersion 77).
class XcodeProject final : public Project {
public:
    [[nodiscard]] static std::expected<std::unique_ptr<Project>, std::string> Open(
        const std::filesystem::path &xcodeproj);
    /// `text` is the project.pbxproj that `file` names.
    [[nodiscard]] static std::expected<std::unique_ptr<Project>, std::string> Parse(
        std::string_view text, const std::filesystem::path &file);

    [[nodiscard]] std::vector<TargetSummary> Targets() const override;
    [[nodiscard]] std::expected<ProjectTarget, std::string> Load(
        const std::string &name, const ProjectRequest &request) const override;

private:
    /// The targets that are being loaded, each linked by the one before it, and all that have been.
    struct Loading {
        std::vector<std::string> open;
        std::set<std::string> known;
    };

    explicit XcodeProject(XcodeObjects objects) : objects_(std::move(objects)) {}

    [[nodiscard]] std::string IdOf(const std::string &name) const;
    [[nodiscard]] std::expected<ProjectTarget, std::string> LoadId(const std::string &id,
                                                                   const ProjectRequest &request,
                                                                   Loading &loading) const;

    XcodeObjects objects_;
};

}  // namespace opendext::toolchain
