// SPDX-License-Identifier: Apache-2.0
#include "toolchain/project/xcodegen_settings.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "toolchain/project/xcconfig.h"

namespace opendext::toolchain {

namespace {

using std::filesystem::path;

constexpr int kMaxDepth = 16;
constexpr size_t kMaxNumSettings = 10'000;

std::string Lower(std::string text) {
    std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
    return text;
}

std::string ValueText(const YamlValue &value) {
    if (value.IfText() != nullptr) {
        const std::string &text = *value.IfText();
        return text == "true" ? "YES" : text == "false" ? "NO" : text;
    }
    std::string joined;
    if (const auto *list = value.IfList()) {
        for (const YamlValue &element : *list) {
            if (element.IfText() != nullptr) {
                joined += (joined.empty() ? "" : " ") + *element.IfText();
            }
        }
    }
    return joined;
}

bool IsSame(const SettingAssignment &one, const SettingAssignment &other) {
    return one.name == other.name && std::ranges::equal(one.conditions, other.conditions,
                                                        [](const auto &left, const auto &right) {
                                                            return left.key == right.key &&
                                                                   left.pattern == right.pattern;
                                                        });
}

}  // namespace

XcodeGenSettings::XcodeGenSettings(const YamlValue &specification, const path &file)
    : specification_(specification), file_(file) {}

std::vector<std::string> XcodeGenSettings::Configurations() const {
    std::vector<std::string> names;
    const YamlValue *configurations = specification_.Find("configs");
    if (configurations != nullptr && configurations->IfMap() != nullptr) {
        for (const auto &[name, type] : *configurations->IfMap()) {
            names.push_back(name);
        }
    }
    if (names.empty()) {
        names = {"Debug", "Release"};
    }
    std::ranges::sort(names);
    return names;
}

std::string XcodeGenSettings::DefaultConfiguration() const {
    const YamlValue *options = specification_.Find("options");
    const std::string stated = options == nullptr ? std::string() : options->Text("defaultConfig");
    return stated.empty() ? Configurations().front() : stated;
}

std::expected<void, std::string> XcodeGenSettings::Add(const YamlValue &target,
                                                       const std::string &configuration,
                                                       SettingLevels &settings,
                                                       std::vector<std::string> &warnings) const {
    const std::vector<std::string> names = Configurations();
    if (std::ranges::find(names, configuration) == names.end()) {
        return std::unexpected(SourcePlace{.file = file_}.Error(
            fmt::format("there is no configuration '{}'; choose with --configuration: {}",
                        configuration, fmt::join(names, ", "))));
    }
    const YamlValue *options = specification_.Find("options");
    const std::string presets = options == nullptr ? "" : options->Text("settingPresets");
    if (presets != "none" && presets != "targets") {
        const YamlValue *configurations = specification_.Find("configs");
        const std::string type =
            configurations == nullptr ? Lower(configuration) : configurations->Text(configuration);
        std::vector<SettingAssignment> level = {
            {.name = "CLANG_CXX_LANGUAGE_STANDARD", .value = "gnu++14"},
            {.name = "GCC_C_LANGUAGE_STANDARD", .value = "gnu11"},
            {.name = "PRODUCT_NAME", .value = "$(TARGET_NAME)"}};
        if (type == "debug") {
            level.push_back({.name = "GCC_PREPROCESSOR_DEFINITIONS", .value = "DEBUG=1"});
        }
        for (SettingAssignment &assignment : level) {
            assignment.place.file = "preset of XcodeGen";
        }
        settings.Add(level);
    }
    for (const YamlValue *owner : {&specification_, &target}) {
        if (auto added = AddOwner(*owner, configuration, settings, warnings); !added) {
            return added;
        }
    }
    return {};
}

std::expected<void, std::string> XcodeGenSettings::AddOwner(
    const YamlValue &owner, const std::string &configuration, SettingLevels &settings,
    std::vector<std::string> &warnings) const {
    const YamlValue *files = owner.Find("configFiles");
    if (files != nullptr && !files->Text(configuration).empty()) {
        const path file = (file_.parent_path() / files->Text(configuration)).lexically_normal();
        std::error_code error;
        if (!std::filesystem::exists(file, error)) {
            return std::unexpected(SourcePlace{.file = file_, .line = files->line()}.Error(
                fmt::format("configuration '{}' is based on {}, which does not exist; restore it",
                            configuration, file.string())));
        }
        const auto read = ReadXcconfig(file, warnings);
        if (!read) {
            return std::unexpected(read.error());
        }
        settings.Add(*read);
    }
    std::vector<SettingAssignment> level;
    if (const YamlValue *node = owner.Find("settings")) {
        if (auto added = AddSettings(*node, configuration, 0, level); !added) {
            return added;
        }
    }
    settings.Add(level);
    return {};
}

std::expected<void, std::string> XcodeGenSettings::AddSettings(
    const YamlValue &node, const std::string &configuration, int depth,
    std::vector<SettingAssignment> &level) const {
    const SourcePlace place{.file = file_, .line = node.line()};
    if (depth > kMaxDepth || level.size() > kMaxNumSettings) {
        return std::unexpected(place.Error("setting groups use each other in a circle; break it"));
    }
    const YamlValue *base = node.Find("base");
    const YamlValue *configurations = node.Find("configs");
    const YamlValue *groups = node.Find("groups");
    const bool is_plain = base == nullptr && configurations == nullptr && groups == nullptr;
    const YamlValue *all = specification_.Find("settingGroups");
    for (const std::string &name : node.Texts("groups")) {
        const YamlValue *group = all == nullptr ? nullptr : all->Find(name);
        if (group == nullptr) {
            return std::unexpected(
                place.Error(fmt::format("there is no setting group '{}'", name)));
        }
        if (auto added = AddSettings(*group, configuration, depth + 1, level); !added) {
            return added;
        }
    }
    const YamlValue *plain = is_plain ? &node : base;
    if (plain != nullptr && plain->IfMap() != nullptr) {
        for (const auto &[name, value] : *plain->IfMap()) {
            auto assignment = ParseSettingName(name);
            const SourcePlace at{.file = file_, .line = value.line()};
            if (!assignment) {
                return std::unexpected(at.Error(assignment.error()));
            }
            assignment->value = ValueText(value);
            assignment->place = at;
            // It replaces one of a group: $(inherited) is of another level.
            std::erase_if(level, [&assignment](const SettingAssignment &old) {
                return IsSame(old, *assignment);
            });
            level.push_back(*std::move(assignment));
        }
    }
    if (configurations != nullptr && configurations->IfMap() != nullptr) {
        for (const auto &[name, value] : *configurations->IfMap()) {
            if (!ConfigurationFits(name, configuration)) {
                continue;
            }
            if (auto added = AddSettings(value, configuration, depth + 1, level); !added) {
                return added;
            }
        }
    }
    return {};
}

bool XcodeGenSettings::ConfigurationFits(const std::string &key,
                                         const std::string &configuration) const {
    const std::vector<std::string> names = Configurations();
    const bool is_exact = std::ranges::find(names, key) != names.end();
    return is_exact ? key == configuration
                    : Lower(configuration).find(Lower(key)) != std::string::npos;
}

}  // namespace opendext::toolchain
