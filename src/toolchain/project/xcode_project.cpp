// SPDX-License-Identifier: Apache-2.0
#include "toolchain/project/xcode_project.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "toolchain/project/default_settings.h"
#include "toolchain/project/xcode_members.h"
#include "toolchain/project/xcode_paths.h"
#include "toolchain/project/xcode_settings.h"

namespace opendext::toolchain {

using std::filesystem::path;

std::expected<std::unique_ptr<Project>, std::string> XcodeProject::Open(const path &xcodeproj) {
    auto objects = XcodeObjects::Read(
        std::filesystem::absolute(xcodeproj / "project.pbxproj").lexically_normal());
    if (!objects) {
        return std::unexpected(std::move(objects.error()));
    }
    return std::unique_ptr<Project>(new XcodeProject(*std::move(objects)));
}

std::expected<std::unique_ptr<Project>, std::string> XcodeProject::Parse(std::string_view text,
                                                                         const path &file) {
    auto objects = XcodeObjects::Parse(text, file);
    if (!objects) {
        return std::unexpected(std::move(objects.error()));
    }
    return std::unique_ptr<Project>(new XcodeProject(*std::move(objects)));
}

std::vector<TargetSummary> XcodeProject::Targets() const {
    std::vector<TargetSummary> targets;
    for (const OpenStepValue *target : objects_.FollowAll(objects_.project(), "targets")) {
        targets.push_back(
            {.name = target->Text("name"), .product_type = target->Text("productType")});
    }
    return targets;
}

std::string XcodeProject::IdOf(const std::string &name) const {
    for (const std::string &id : XcodeObjects::Ids(objects_.project(), "targets")) {
        const OpenStepValue *target = objects_.Find(id);
        if (target != nullptr && target->Text("name") == name) {
            return id;
        }
    }
    return {};
}

std::expected<ProjectTarget, std::string> XcodeProject::Load(const std::string &name,
                                                             const ProjectRequest &request) const {
    Loading loading;
    return LoadId(IdOf(name), request, loading);
}

std::expected<ProjectTarget, std::string> XcodeProject::LoadId(const std::string &id,
                                                               const ProjectRequest &request,
                                                               Loading &loading) const {
    const OpenStepValue *object = objects_.Find(id);
    if (object == nullptr) {
        return std::unexpected(SourcePlace{.file = objects_.file()}.Error("no such target"));
    }
    if (std::ranges::find(loading.open, id) != loading.open.end()) {
        return std::unexpected(objects_.PlaceOf(*object).Error(fmt::format(
            "target '{}' links itself by way of others; break the circle", object->Text("name"))));
    }
    ProjectTarget target;
    target.name = object->Text("name");
    target.product_type = object->Text("productType");
    target.file = objects_.file();
    target.directory =
        (objects_.file().parent_path().parent_path() / objects_.project().Text("projectDirPath"))
            .lexically_normal();
    if (!target.directory.has_filename()) {
        target.directory = target.directory.parent_path();
    }
    const auto paths = XcodePaths::Resolve(objects_, target.directory);
    if (!paths) {
        return std::unexpected(paths.error());
    }
    const XcodeSettings levels(objects_, *paths);
    const std::string configuration =
        request.configuration.empty() ? levels.DefaultConfiguration() : request.configuration;
    target.settings =
        DefaultSettings(target, configuration, objects_.project().Text("developmentRegion"));
    if (auto added = levels.Add(*object, configuration, target.settings, target.warnings); !added) {
        return std::unexpected(std::move(added.error()));
    }
    AddOverrides(request, target.settings);
    XcodeMembers members = MembersOf(objects_, *paths, id);
    target.sources = std::move(members.sources);
    target.own_headers = std::move(members.headers);
    target.headers = paths->Headers();
    target.warnings.insert(target.warnings.end(), members.warnings.begin(), members.warnings.end());
    loading.open.push_back(id);
    for (const std::string &library : members.libraries) {
        if (std::ranges::find(loading.open, library) == loading.open.end() &&
            !loading.known.insert(library).second) {
            continue;
        }
        auto loaded = LoadId(library, request, loading);
        if (!loaded) {
            return loaded;
        }
        target.libraries.push_back(*std::move(loaded));
    }
    loading.open.pop_back();
    return target;
}

}  // namespace opendext::toolchain
