// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "toolchain/project/project_target.h"

namespace opendext::toolchain {

/// A description of targets: an Xcode project, or a specification for XcodeGen. Immutable; nothing of it is run.
class Project {
public:
    virtual ~Project() = default;

    [[nodiscard]] virtual std::vector<TargetSummary> Targets() const = 0;
    /// A target by its name, which is one of Targets(). The error is one line with file and place.
    [[nodiscard]] virtual std::expected<ProjectTarget, std::string> Load(
        const std::string &name, const ProjectRequest &request) const = 0;
};

/// The project that `path` names: X.xcodeproj, project.yml, or a folder that holds exactly one of these and no
/// .iig of its own. Nothing: `path` is something else, a folder of sources perhaps.
/// The error names the projects of a folder that has several.
[[nodiscard]] std::expected<std::optional<std::filesystem::path>, std::string> FindProject(
    const std::filesystem::path &path);

/// Reads a project that FindProject found.
[[nodiscard]] std::expected<std::unique_ptr<Project>, std::string> OpenProject(
    const std::filesystem::path &path);

enum class TargetPurpose { kDext, kProgram };

/// The target of that name; without a name, the only one that serves the purpose. The error lists the targets
/// that do, and what to type. `path` is the project as the user gave it.
[[nodiscard]] std::expected<std::string, std::string> ChooseTarget(
    const Project &project, const std::filesystem::path &path, TargetPurpose purpose,
    const std::string &name);

/// A target as a command asks for it: OpenProject, ChooseTarget and Load, and what there is to warn of on stderr.
[[nodiscard]] std::expected<ProjectTarget, std::string> LoadTarget(
    const std::filesystem::path &project, TargetPurpose purpose, const std::string &name,
    const ProjectRequest &request);

/// `NAME=VALUE`, as a command line gives it with --set, taken apart. The error is one line.
[[nodiscard]] std::expected<SettingAssignment, std::string> ParseOverride(const std::string &text);

}  // namespace opendext::toolchain
