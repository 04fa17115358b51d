// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "toolchain/project/project.h"
#include "toolchain/project/yaml_tree.h"

namespace opendext::toolchain {

/// A specification for XcodeGen: project.yml. It is read as XcodeGen reads it, includes, templates and setting groups
/// too, and no Xcode project is made of it. What it would generate (`info`, `entitlements`) must exist.
class XcodeGenSpec final : public Project {
public:
    [[nodiscard]] static std::expected<std::unique_ptr<Project>, std::string> Open(
        const std::filesystem::path &file);
    /// Of a document without includes; `file` is where it would stand.
    XcodeGenSpec(YamlValue specification, std::filesystem::path file);

    [[nodiscard]] std::vector<TargetSummary> Targets() const override;
    [[nodiscard]] std::expected<ProjectTarget, std::string> Load(
        const std::string &name, const ProjectRequest &request) const override;

private:
    /// The targets that are being loaded, each linked by the one before it, and all that have been.
    struct Loading {
        std::vector<std::string> open;
        std::set<std::string> known;
    };

    [[nodiscard]] const std::pair<std::string, YamlValue> *Find(const std::string &name) const;
    [[nodiscard]] std::expected<ProjectTarget, std::string> LoadOne(const std::string &name,
                                                                    const ProjectRequest &request,
                                                                    Loading &loading) const;
    [[nodiscard]] std::expected<void, std::string> AddSettings(const YamlValue &node,
                                                               const ProjectRequest &request,
                                                               ProjectTarget &target) const;
    [[nodiscard]] std::expected<void, std::string> AddLibraries(const YamlValue &node,
                                                                const ProjectRequest &request,
                                                                Loading &loading,
                                                                ProjectTarget &target) const;
    void AddDefaultPlists(const YamlValue &node, const std::filesystem::path &info_plist,
                          ProjectTarget &target) const;

    YamlValue specification_;
    std::filesystem::path file_;
};

}  // namespace opendext::toolchain
