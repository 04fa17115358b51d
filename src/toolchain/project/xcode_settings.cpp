// SPDX-License-Identifier: Apache-2.0
#include "toolchain/project/xcode_settings.h"

#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "toolchain/project/xcconfig.h"

namespace opendext::toolchain {

namespace {

using std::filesystem::path;

std::string ValueText(const OpenStepValue &value) {
    if (value.IfString() != nullptr) {
        return *value.IfString();
    }
    std::string text;
    if (const auto *array = value.IfArray()) {
        for (const OpenStepValue &element : *array) {
            if (element.IfString() != nullptr) {
                text += (text.empty() ? "" : " ") + *element.IfString();
            }
        }
    }
    return text;
}

}  // namespace

std::string XcodeSettings::DefaultConfiguration() const {
    const OpenStepValue *list = objects_.Follow(objects_.project(), "buildConfigurationList");
    if (list == nullptr) {
        return "Release";
    }
    const std::string &name = list->Text("defaultConfigurationName");
    const auto configurations = objects_.FollowAll(*list, "buildConfigurations");
    if (!name.empty() || configurations.empty()) {
        return name.empty() ? "Release" : name;
    }
    return configurations.front()->Text("name");
}

std::expected<void, std::string> XcodeSettings::Add(const OpenStepValue &target,
                                                    const std::string &configuration,
                                                    SettingLevels &settings,
                                                    std::vector<std::string> &warnings) const {
    for (const OpenStepValue *owner : {&objects_.project(), &target}) {
        const OpenStepValue *list = objects_.Follow(*owner, "buildConfigurationList");
        if (list == nullptr) {
            continue;
        }
        const OpenStepValue *chosen = nullptr;
        const OpenStepValue *fallback = nullptr;
        std::vector<std::string> names;
        for (const OpenStepValue *candidate : objects_.FollowAll(*list, "buildConfigurations")) {
            const std::string &name = candidate->Text("name");
            names.push_back(name);
            chosen = name == configuration ? candidate : chosen;
            fallback = name == list->Text("defaultConfigurationName") ? candidate : fallback;
        }
        if (chosen == nullptr && owner == &objects_.project()) {
            return std::unexpected(objects_.PlaceOf(*list).Error(
                fmt::format("there is no configuration '{}'; choose with --configuration: {}",
                            configuration, fmt::join(names, ", "))));
        }
        chosen = chosen == nullptr ? fallback : chosen;
        if (chosen == nullptr) {
            continue;
        }
        if (auto added = AddConfiguration(*chosen, settings, warnings); !added) {
            return added;
        }
    }
    return {};
}

std::expected<void, std::string> XcodeSettings::AddConfiguration(
    const OpenStepValue &configuration, SettingLevels &settings,
    std::vector<std::string> &warnings) const {
    const std::string &base = configuration.Text("baseConfigurationReference");
    const std::string &anchor = configuration.Text("baseConfigurationReferenceAnchor");
    path file = base.empty() ? path() : paths_.PathOf(base);
    if (!anchor.empty()) {
        file = paths_.PathOf(anchor) / configuration.Text("baseConfigurationReferenceRelativePath");
    }
    std::error_code error;
    if (!file.empty() && !std::filesystem::exists(file, error)) {
        return std::unexpected(
            objects_.PlaceOf(configuration)
                .Error(fmt::format(
                    "configuration '{}' is based on {}, which does not exist; restore it",
                    configuration.Text("name"), file.string())));
    }
    if (!file.empty()) {
        const auto read = ReadXcconfig(file, warnings);
        if (!read) {
            return std::unexpected(read.error());
        }
        settings.Add(*read);
    }
    const OpenStepValue *dictionary = configuration.Find("buildSettings");
    if (dictionary == nullptr || dictionary->IfDictionary() == nullptr) {
        return {};
    }
    std::vector<SettingAssignment> level;
    for (const auto &[name, value] : *dictionary->IfDictionary()) {
        auto assignment = ParseSettingName(name);
        if (!assignment) {
            return std::unexpected(objects_.PlaceOf(value).Error(assignment.error()));
        }
        assignment->value = ValueText(value);
        assignment->place = objects_.PlaceOf(value);
        level.push_back(*std::move(assignment));
    }
    settings.Add(level);
    return {};
}

}  // namespace opendext::toolchain
