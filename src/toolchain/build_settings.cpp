// SPDX-License-Identifier: Apache-2.0
#include "toolchain/build_settings.h"

#include <optional>

#include "toolchain/setting_modifiers.h"

namespace opendext::toolchain {

namespace {

std::string Modified(std::string value, std::string_view modifiers) {
    while (!modifiers.empty()) {
        const size_t end = modifiers.find(':');
        value = WithModifier(std::move(value), modifiers.substr(0, end));
        modifiers = end == std::string_view::npos ? std::string_view() : modifiers.substr(end + 1);
    }
    return value;
}

// What `modifiers` say to use for an empty value: their default=, to the end.
std::optional<std::string_view> DefaultOf(std::string_view modifiers) {
    constexpr std::string_view kDefault = "default=";
    const size_t found = modifiers.find(kDefault);
    if (found == std::string_view::npos || (found != 0 && modifiers[found - 1] != ':')) {
        return std::nullopt;
    }
    return modifiers.substr(found + kDefault.size());
}

struct Reference {
    std::string_view name;
    std::string_view modifiers;
    size_t num_chars = 0;  // of the whole reference
};

// A reference at the start of `text`, which begins with '$'.
std::optional<Reference> ParseReference(std::string_view text) {
    if (text.size() < 2 || (text[1] != '(' && text[1] != '{')) {
        return std::nullopt;
    }
    const size_t end = text.find(text[1] == '(' ? ')' : '}', 2);
    if (end == std::string_view::npos) {
        return std::nullopt;
    }
    const std::string_view inside = text.substr(2, end - 2);
    const size_t colon = inside.find(':');
    return Reference{.name = inside.substr(0, colon),
                     .modifiers = colon == std::string_view::npos ? std::string_view()
                                                                  : inside.substr(colon + 1),
                     .num_chars = end + 1};
}

}  // namespace

BuildSettings BuildSettings::ForDext(const std::string &bundle_id) {
    BuildSettings settings;
    settings.Set("PRODUCT_BUNDLE_IDENTIFIER", bundle_id);
    settings.Set("PRODUCT_NAME", bundle_id);
    settings.Set("EXECUTABLE_NAME", bundle_id);
    settings.Set("TARGET_NAME", bundle_id);
    settings.Set("PRODUCT_MODULE_NAME", Modified(bundle_id, "c99extidentifier"));
    settings.Set("PRODUCT_BUNDLE_PACKAGE_TYPE", "DEXT");
    settings.Set("DEVELOPMENT_LANGUAGE", "en");
    settings.Set("MARKETING_VERSION", "1.0");
    settings.Set("CURRENT_PROJECT_VERSION", "1");
    settings.Set("DRIVERKIT_DEPLOYMENT_TARGET", "24.0");
    settings.Set("MACOSX_DEPLOYMENT_TARGET", "15.0");
    settings.Set("SAMPLE_CODE_DISAMBIGUATOR", "");
    return settings;
}

std::string BuildSettings::Get(std::string_view name) const {
    const auto found = values_.find(name);
    return found == values_.end() ? std::string() : found->second;
}

std::expected<std::string, BuildSettings::UnknownSetting> BuildSettings::Expand(
    std::string_view text, bool keep_unknown, std::string (*encode)(std::string_view)) const {
    std::string expanded;
    int line = 1;
    while (!text.empty()) {
        const auto reference = text.front() == '$' ? ParseReference(text) : std::nullopt;
        if (!reference) {
            line += text.front() == '\n' ? 1 : 0;
            expanded.push_back(text.front());
            text.remove_prefix(1);
            continue;
        }
        const auto found = values_.find(reference->name);
        const auto fallback = DefaultOf(reference->modifiers);
        if (fallback && (found == values_.end() || found->second.empty())) {
            expanded += *fallback;  // a part of the text, so it fits
        } else if (found != values_.end()) {
            const std::string value = Modified(found->second, reference->modifiers);
            expanded += encode == nullptr ? value : encode(value);
        } else if (keep_unknown) {
            expanded += text.substr(0, reference->num_chars);
        } else {
            return std::unexpected(
                UnknownSetting{.name = std::string(reference->name), .line = line});
        }
        text.remove_prefix(reference->num_chars);
    }
    return expanded;
}

}  // namespace opendext::toolchain
