// SPDX-License-Identifier: Apache-2.0
#include "toolchain/dext_plists.h"

#include <fstream>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/property_list.h"
#include "toolchain/personality_check.h"

namespace opendext::toolchain {

namespace {

using std::filesystem::path;

std::expected<std::string, std::string> ReadText(const path &file) {
    std::ifstream stream(file, std::ios::binary);
    if (!stream) {
        return std::unexpected(fmt::format("{}: error: cannot be read", file.string()));
    }
    return std::string((std::istreambuf_iterator<char>(stream)), std::istreambuf_iterator<char>());
}

std::expected<PropertyValue::Dictionary, std::string> ParseDictionary(const path &file,
                                                                      const std::string &text) {
    auto list = ReadPropertyList(text);
    if (!list) {
        return std::unexpected(list.error().ToString(file.string()));
    }
    if (auto *dictionary = list->IfDictionary()) {
        return std::move(*dictionary);
    }
    return std::unexpected(
        fmt::format("{}:1: error: the top level is not a dictionary ({}); make it a <dict>",
                    file.string(), PropertyKindName(list->kind())));
}

std::string Escaped(std::string_view text) {
    std::string xml;
    for (const char c : text) {
        switch (c) {
            case '&':
                xml += "&amp;";
                break;
            case '<':
                xml += "&lt;";
                break;
            case '>':
                xml += "&gt;";
                break;
            default:
                xml.push_back(c);
        }
    }
    return xml;
}

bool IsInComment(const std::string &xml, size_t position) {
    const size_t begin = xml.rfind("<!--", position);
    return begin != std::string::npos && xml.find("-->", begin) > position;
}

// Where the outermost <dict> of a well formed list ends.
size_t EndOfDictionary(const std::string &xml) {
    size_t end = xml.rfind("</dict>");
    while (end != std::string::npos && end != 0 && IsInComment(xml, end)) {
        end = xml.rfind("</dict>", end - 1);
    }
    return end;
}

// Adds <key>/<string> pairs before the end of the outermost <dict>.
std::string WithStrings(const std::string &text,
                        const std::vector<std::pair<std::string, std::string>> &pairs) {
    const size_t end = EndOfDictionary(text);
    if (pairs.empty() || end == std::string::npos) {
        return text;
    }
    std::string added;
    for (const auto &[key, value] : pairs) {
        added += fmt::format("\t<key>{}</key>\n\t<string>{}</string>\n", key, Escaped(value));
    }
    return text.substr(0, end) + added + text.substr(end);
}

std::expected<std::string, std::string> Expanded(const path &file, const BuildSettings &settings,
                                                 bool keep_unknown) {
    const auto text = ReadText(file);
    if (!text) {
        return std::unexpected(text.error());
    }
    auto expanded = settings.Expand(*text, keep_unknown, Escaped);
    if (!expanded) {
        const auto &unknown = expanded.error();
        return std::unexpected(
            fmt::format("{}:{}: error: build setting $({}) has no value here; give it one with "
                        "--set {}=VALUE",
                        file.string(), unknown.line, unknown.name, unknown.name));
    }
    return *std::move(expanded);
}

}  // namespace

std::expected<DextPlists, std::string> PreparePlists(const DextFolder &folder,
                                                     const BuildSettings &settings) {
    auto text = Expanded(folder.info_plist, settings, false);
    if (!text) {
        return std::unexpected(std::move(text.error()));
    }
    auto info = ParseDictionary(folder.info_plist, *text);
    if (!info) {
        return std::unexpected(std::move(info.error()));
    }
    if (auto checked = CheckPersonalities(folder, *text, *info); !checked) {
        return std::unexpected(std::move(checked.error()));
    }
    const std::pair<const char *, const char *> generated[] = {
        {"CFBundleIdentifier", "PRODUCT_BUNDLE_IDENTIFIER"},
        {"CFBundleExecutable", "EXECUTABLE_NAME"},
        {"CFBundleName", "PRODUCT_NAME"},
        {"CFBundlePackageType", "PRODUCT_BUNDLE_PACKAGE_TYPE"},
    };
    std::vector<std::pair<std::string, std::string>> missing;
    for (const auto &[key, setting] : generated) {
        if (!info->contains(key)) {
            missing.emplace_back(key, settings.Get(setting));
        }
    }
    DextPlists plists;
    plists.warnings = PersonalityWarnings(folder, *text, *info);
    plists.info = WithStrings(*text, missing);
    const auto executable = info->find("CFBundleExecutable");
    const std::string *name = executable == info->end() ? nullptr : executable->second.IfString();
    plists.executable = name == nullptr || name->empty() ? settings.Get("EXECUTABLE_NAME") : *name;
    if (plists.executable.empty() || plists.executable.find('/') != std::string::npos) {
        return std::unexpected(
            fmt::format("{}: error: CFBundleExecutable is '{}'; make it a file name without '/'",
                        folder.info_plist.string(), plists.executable));
    }
    if (folder.entitlements) {
        auto entitlements = Expanded(*folder.entitlements, settings, true);
        if (!entitlements) {
            return std::unexpected(std::move(entitlements.error()));
        }
        if (auto parsed = ParseDictionary(*folder.entitlements, *entitlements); !parsed) {
            return std::unexpected(std::move(parsed.error()));
        }
        plists.entitlements = *std::move(entitlements);
    }
    return plists;
}

}  // namespace opendext::toolchain
