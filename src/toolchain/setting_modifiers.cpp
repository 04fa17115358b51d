// SPDX-License-Identifier: Apache-2.0
#include "toolchain/setting_modifiers.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <utility>

namespace opendext::toolchain {

namespace {

using std::filesystem::path;

std::string ReplaceUnless(std::string text, bool (*keep)(unsigned char), char replacement) {
    std::ranges::replace_if(
        text, [keep](char c) { return !keep(static_cast<unsigned char>(c)); }, replacement);
    return text;
}

std::string Transformed(std::string text, int (*change)(int)) {
    std::ranges::transform(text, text.begin(), [change](unsigned char c) { return change(c); });
    return text;
}

std::string Quoted(const std::string &text) {
    std::string quoted;
    for (const char c : text) {
        if (std::isspace(static_cast<unsigned char>(c)) != 0 || c == '"' || c == '\'' ||
            c == '\\') {
            quoted.push_back('\\');
        }
        quoted.push_back(c);
    }
    return quoted;
}

}  // namespace

std::string WithModifier(std::string value, std::string_view modifier) {
    if (modifier == "rfc1034identifier") {
        return ReplaceUnless(
            std::move(value), [](unsigned char c) { return std::isalnum(c) != 0 || c == '.'; },
            '-');
    }
    if (modifier == "c99extidentifier" || modifier == "identifier") {
        return ReplaceUnless(
            std::move(value), [](unsigned char c) { return std::isalnum(c) != 0; }, '_');
    }
    if (modifier == "lower") {
        return Transformed(std::move(value), std::tolower);
    }
    if (modifier == "upper") {
        return Transformed(std::move(value), std::toupper);
    }
    if (modifier == "quote") {
        return Quoted(value);
    }
    if (modifier == "standardizepath") {
        return path(value).lexically_normal().string();
    }
    if (modifier == "dir") {
        return path(value).parent_path().string();
    }
    if (modifier == "file") {
        return path(value).filename().string();
    }
    if (modifier == "base") {
        return path(value).stem().string();
    }
    if (modifier == "suffix") {
        return path(value).extension().string();
    }
    return value;
}

}  // namespace opendext::toolchain
