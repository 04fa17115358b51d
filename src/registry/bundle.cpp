// SPDX-License-Identifier: Apache-2.0
#include "registry/bundle.h"

#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/property_list.h"

namespace opendext::registry {

namespace {

using Dictionary = PropertyValue::Dictionary;

std::expected<Dictionary, std::string> ReadDictionary(const std::filesystem::path &file) {
    auto list = ReadPropertyListFile(file);
    if (!list) {
        return std::unexpected(list.error().ToString(file.string()));
    }
    if (Dictionary *dictionary = list->IfDictionary()) {
        return std::move(*dictionary);
    }
    return std::unexpected(fmt::format("{}: error: the top level is a {}; make it a <dict>",
                                       file.string(), PropertyKindName(list->kind())));
}

std::expected<std::string, std::string> RequiredString(const std::filesystem::path &file,
                                                       const std::string &personality,
                                                       const Dictionary &properties,
                                                       std::string_view key,
                                                       std::string_view meaning) {
    const auto found = properties.find(key);
    const std::string *text = found == properties.end() ? nullptr : found->second.IfString();
    if (text != nullptr && !text->empty()) {
        return *text;
    }
    return std::unexpected(fmt::format("{}: error: personality '{}' has no string {}; add {}",
                                       file.string(), personality, key, meaning));
}

struct RequiredKey {
    std::string_view key;
    std::string_view meaning;
    std::string Personality::*field;
};

constexpr RequiredKey kRequiredKeys[] = {
    {"IOProviderClass",
     "the class of the provider it matches, such as IOPCIDevice or IOUserResources",
     &Personality::provider_class},
    {"IOClass", "the kernel class of its service, usually IOUserService",
     &Personality::kernel_class},
    {"IOUserClass", "the name of the dext's class to start", &Personality::user_class},
    {"IOUserServerName", "the name of its driver process, usually the bundle identifier",
     &Personality::server_name},
};

std::expected<Personality, std::string> ReadPersonality(const std::filesystem::path &file,
                                                        const std::string &name,
                                                        const PropertyValue &value) {
    const Dictionary *properties = value.IfDictionary();
    if (properties == nullptr) {
        return std::unexpected(fmt::format("{}: error: personality '{}' is a {}; make it a <dict>",
                                           file.string(), name, PropertyKindName(value.kind())));
    }
    Personality personality;
    personality.name = name;
    personality.properties = *properties;
    for (const RequiredKey &required : kRequiredKeys) {
        auto text = RequiredString(file, name, *properties, required.key, required.meaning);
        if (!text) {
            return std::unexpected(std::move(text.error()));
        }
        personality.*required.field = std::move(*text);
    }
    if (personality.provider_class == "IOResources") {
        return std::unexpected(
            fmt::format("{}: error: personality '{}' matches IOResources, which a dext may not; "
                        "use IOUserResources",
                        file.string(), name));
    }
    if (const PropertyValue *category = value.Find("IOMatchCategory");
        category && category->IfString()) {
        personality.category = *category->IfString();
    }
    if (const PropertyValue *score = value.Find("IOProbeScore"); score && score->IfInteger()) {
        personality.probe_score = static_cast<int64_t>(score->IfInteger()->value);
    }
    personality.one_process = value.Find("IOUserServerOneProcess") != nullptr;
    return personality;
}

bool HasSources(const std::filesystem::path &folder) {
    std::error_code error;
    for (const auto &entry : std::filesystem::directory_iterator(folder, error)) {
        const std::string extension = entry.path().extension().string();
        if (extension == ".iig" || extension == ".cpp" || extension == ".xcodeproj") {
            return true;
        }
    }
    return false;
}

}  // namespace

std::expected<void, std::string> CheckIsBuilt(const std::filesystem::path &path) {
    // "Folder/" has no file name.
    const std::string name = std::filesystem::absolute(path / "").parent_path().stem().string();
    if (HasSources(path)) {
        return std::unexpected(
            fmt::format("{0}: error: a folder of sources; build it first, 'opendext build {0} -o "
                        "{1}.dext', and "
                        "run {1}.dext",
                        path.string(), name));
    }
    std::error_code error;
    if (std::filesystem::exists(path / "Contents", error)) {
        return std::unexpected(fmt::format(
            "{}: error: a bundle for macOS; build its sources with 'opendext build DIR -o {}.dext'",
            path.string(), name));
    }
    const auto info = ReadPropertyListFile(path / "Info.plist");
    const PropertyValue *executable = info ? info->Find("CFBundleExecutable") : nullptr;
    if (executable == nullptr || executable->IfString() == nullptr) {
        return {};
    }
    const std::filesystem::path code = path / (*executable->IfString() + ".so");
    if (std::filesystem::exists(code, error)) {
        return {};
    }
    return std::unexpected(
        fmt::format("{}: error: the code of this dext is missing; build it again with 'opendext "
                    "build DIR -o {}'",
                    code.string(), path.string()));
}

std::expected<Bundle, std::string> ReadBundle(const std::filesystem::path &path) {
    const std::filesystem::path file = path / "Info.plist";
    std::error_code error;
    if (!std::filesystem::is_directory(path, error) || !std::filesystem::exists(file, error)) {
        return std::unexpected(fmt::format(
            "{}: error: no dext here: {} is missing; build one with 'opendext build DIR -o X.dext'",
            path.string(), file.string()));
    }
    auto info = ReadDictionary(file);
    if (!info) {
        return std::unexpected(std::move(info.error()));
    }
    Bundle bundle;
    bundle.path = path;
    const PropertyValue top(*std::move(info));
    if (const PropertyValue *identifier = top.Find("CFBundleIdentifier");
        identifier && identifier->IfString()) {
        bundle.identifier = *identifier->IfString();
    }
    const PropertyValue *personalities = top.Find("IOKitPersonalities");
    if (bundle.identifier.empty() || personalities == nullptr ||
        personalities->IfDictionary() == nullptr || personalities->IfDictionary()->empty()) {
        return std::unexpected(fmt::format("{}: error: no {}; a dext needs one", file.string(),
                                           bundle.identifier.empty()
                                               ? "CFBundleIdentifier"
                                               : "personality in IOKitPersonalities"));
    }
    for (const auto &[name, value] : *personalities->IfDictionary()) {
        auto personality = ReadPersonality(file, name, value);
        if (!personality) {
            return std::unexpected(std::move(personality.error()));
        }
        bundle.personalities.push_back(*std::move(personality));
    }
    const std::filesystem::path entitlements = path / "entitlements.plist";
    if (std::filesystem::exists(entitlements, error)) {
        auto dictionary = ReadDictionary(entitlements);
        if (!dictionary) {
            return std::unexpected(std::move(dictionary.error()));
        }
        bundle.entitlements = *std::move(dictionary);
    }
    return bundle;
}

}  // namespace opendext::registry
