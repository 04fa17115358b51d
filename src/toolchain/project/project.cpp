// SPDX-License-Identifier: Apache-2.0
#include "toolchain/project/project.h"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "toolchain/project/xcode_project.h"
#include "toolchain/project/xcodegen_spec.h"

namespace opendext::toolchain {

namespace {

using std::filesystem::path;

bool IsXcodeProject(const path &place) {
    return place.extension() == ".xcodeproj";
}

bool IsSpecification(const path &place) {
    return place.extension() == ".yml" || place.extension() == ".yaml";
}

// What a folder holds that a build could begin with.
struct Candidates {
    std::vector<path> projects;
    path specification;
    bool has_interfaces = false;
};

Candidates CandidatesIn(const path &folder) {
    Candidates found;
    std::error_code error;
    for (const auto &entry : std::filesystem::directory_iterator(folder, error)) {
        const path &file = entry.path();
        if (IsXcodeProject(file)) {
            found.projects.push_back(file);
        } else if (file.filename() == "project.yml" || file.filename() == "project.yaml") {
            found.specification = file;
        }
        found.has_interfaces = found.has_interfaces || file.extension() == ".iig";
    }
    std::ranges::sort(found.projects);
    return found;
}

bool Serves(const TargetSummary &target, TargetPurpose purpose) {
    if (purpose == TargetPurpose::kDext) {
        return target.product_type == kDextProduct;
    }
    constexpr std::string_view kPrograms[] = {"com.apple.product-type.tool",
                                              "com.apple.product-type.application"};
    return std::ranges::find(kPrograms, target.product_type) != std::end(kPrograms);
}

std::string Listed(const std::vector<std::string> &names) {
    return fmt::format("'{}'", fmt::join(names, "', '"));
}

std::string NoTarget(const std::vector<TargetSummary> &targets, TargetPurpose purpose) {
    std::vector<std::string> all;
    for (const TargetSummary &target : targets) {
        all.push_back(target.name);
    }
    const std::string others =
        all.empty() ? std::string("it has none at all") : fmt::format("it has {}", Listed(all));
    return purpose == TargetPurpose::kDext
               ? fmt::format(
                     "no target is a driver extension (product type {}): {}; give the folder of "
                     "the driver's sources instead, or add such a target",
                     kDextProduct, others)
               : fmt::format(
                     "no target is a tool or an application: {}; name the source files, "
                     "as in 'opendext cc app.cpp -o app'",
                     others);
}

}  // namespace

std::expected<std::optional<path>, std::string> FindProject(const path &place) {
    std::error_code error;
    path name = place;
    if (!name.has_filename()) {
        name = name.parent_path();  // X.xcodeproj/
    }
    if (IsXcodeProject(name) || IsSpecification(name)) {
        if (!std::filesystem::exists(name, error)) {
            return std::unexpected(SourcePlace{.file = name}.Error("no such project"));
        }
        return name;
    }
    if (!std::filesystem::is_directory(place, error)) {
        return std::nullopt;
    }
    const Candidates found = CandidatesIn(place);
    if (found.has_interfaces) {
        return std::nullopt;
    }
    if (found.projects.size() > 1) {
        std::vector<std::string> names;
        for (const path &project : found.projects) {
            names.push_back(project.filename().string());
        }
        return std::unexpected(SourcePlace{.file = place}.Error(
            fmt::format("there are several projects ({}); give one of them, as {}",
                        fmt::join(names, ", "), found.projects.front().string())));
    }
    if (!found.projects.empty()) {
        return found.projects.front();
    }
    return found.specification.empty() ? std::optional<path>()
                                       : std::optional<path>(found.specification);
}

std::expected<std::unique_ptr<Project>, std::string> OpenProject(const path &place) {
    return IsXcodeProject(place) ? XcodeProject::Open(place) : XcodeGenSpec::Open(place);
}

std::expected<std::string, std::string> ChooseTarget(const Project &project, const path &place,
                                                     TargetPurpose purpose,
                                                     const std::string &name) {
    const SourcePlace at{.file = place, .line = 0};
    const std::vector<TargetSummary> targets = project.Targets();
    std::vector<std::string> fitting;
    for (const TargetSummary &target : targets) {
        if (Serves(target, purpose)) {
            fitting.push_back(target.name);
        }
    }
    if (fitting.empty()) {
        return std::unexpected(at.Error(NoTarget(targets, purpose)));
    }
    const char *kind = purpose == TargetPurpose::kDext ? "driver extension" : "program";
    if (name.empty()) {
        if (fitting.size() == 1) {
            return fitting.front();
        }
        return std::unexpected(
            at.Error(fmt::format("several targets are a {}: {}; choose one with --target '{}'",
                                 kind, Listed(fitting), fitting.front())));
    }
    if (std::ranges::find(fitting, name) == fitting.end()) {
        const bool exists = std::ranges::any_of(
            targets, [&name](const TargetSummary &target) { return target.name == name; });
        return std::unexpected(at.Error(
            fmt::format("target '{}' {}; choose one with --target: {}", name,
                        exists ? fmt::format("is no {}", kind) : std::string("does not exist"),
                        Listed(fitting))));
    }
    return name;
}

std::expected<ProjectTarget, std::string> LoadTarget(const path &place, TargetPurpose purpose,
                                                     const std::string &name,
                                                     const ProjectRequest &request) {
    const auto project = OpenProject(place);
    if (!project) {
        return std::unexpected(project.error());
    }
    const auto chosen = ChooseTarget(**project, place, purpose, name);
    if (!chosen) {
        return std::unexpected(chosen.error());
    }
    auto target = (*project)->Load(*chosen, request);
    if (target) {
        for (const std::string &warning : target->warnings) {
            fmt::print(stderr, "{}\n", warning);
        }
    }
    return target;
}

std::expected<SettingAssignment, std::string> ParseOverride(const std::string &text) {
    const size_t equals = text.find('=', text.find(']') == std::string::npos ? 0 : text.find(']'));
    auto assignment = ParseSettingName(text.substr(0, std::min(equals, text.size())));
    if (equals == std::string::npos || !assignment) {
        return std::unexpected(fmt::format("--set {}: error: write NAME=VALUE", text));
    }
    assignment->value = text.substr(equals + 1);
    assignment->place = {.file = "--set " + assignment->name, .line = 0};
    return assignment;
}

}  // namespace opendext::toolchain
