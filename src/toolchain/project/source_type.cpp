// SPDX-License-Identifier: Apache-2.0
#include "toolchain/project/source_type.h"

#include <algorithm>
#include <cctype>
#include <string>
#include <utility>

namespace opendext::toolchain {

namespace {

constexpr std::pair<std::string_view, SourceType> kStatedTypes[] = {
    {"sourcecode.iig", SourceType::kInterface},
    {"sourcecode.c.c", SourceType::kC},
    {"sourcecode.c.c.preprocessed", SourceType::kC},
    {"sourcecode.cpp.cpp", SourceType::kCxx},
    {"sourcecode.cpp.cpp.preprocessed", SourceType::kCxx},
    {"sourcecode.asm", SourceType::kAssembler},
    {"sourcecode.asm.asm", SourceType::kAssembler},
    {"sourcecode.asm.llvm", SourceType::kAssembler},
    {"sourcecode.c.h", SourceType::kHeader},
    {"sourcecode.cpp.h", SourceType::kHeader},
    {"sourcecode.c.objc", SourceType::kObjectiveC},
    {"sourcecode.cpp.objcpp", SourceType::kObjectiveC},
    {"sourcecode.swift", SourceType::kSwift},
};

constexpr std::pair<std::string_view, SourceType> kExtensions[] = {
    {".iig", SourceType::kInterface}, {".c", SourceType::kC},
    {".cpp", SourceType::kCxx},       {".cc", SourceType::kCxx},
    {".cxx", SourceType::kCxx},       {".cp", SourceType::kCxx},
    {".c++", SourceType::kCxx},       {".s", SourceType::kAssembler},
    {".h", SourceType::kHeader},      {".hh", SourceType::kHeader},
    {".hpp", SourceType::kHeader},    {".hxx", SourceType::kHeader},
    {".h++", SourceType::kHeader},    {".ipp", SourceType::kHeader},
    {".tpp", SourceType::kHeader},    {".inl", SourceType::kHeader},
    {".inc", SourceType::kHeader},    {".def", SourceType::kHeader},
    {".m", SourceType::kObjectiveC},  {".mm", SourceType::kObjectiveC},
    {".swift", SourceType::kSwift},
};

template <size_t kNum>
SourceType Find(const std::pair<std::string_view, SourceType> (&table)[kNum],
                std::string_view name) {
    const auto *found =
        std::ranges::find_if(table, [name](const auto &entry) { return entry.first == name; });
    return found == std::end(table) ? SourceType::kOther : found->second;
}

std::string LowerExtension(const std::filesystem::path &file) {
    std::string extension = file.extension().string();
    std::ranges::transform(extension, extension.begin(),
                           [](unsigned char c) { return std::tolower(c); });
    return extension;
}

}  // namespace

SourceType SourceTypeOf(const std::filesystem::path &file, std::string_view stated) {
    const SourceType type = Find(kStatedTypes, stated);
    const SourceType by_name = Find(kExtensions, LowerExtension(file));
    // Whoever writes projects by hand gives .iig files the type of headers or of text.
    const bool is_vague = type == SourceType::kOther || by_name == SourceType::kInterface;
    return is_vague ? by_name : type;
}

bool IsFileWrapper(const std::filesystem::path &folder) {
    constexpr std::string_view kWrappers[] = {
        ".app",       ".appex",        ".bundle",    ".dext",        ".docc",
        ".framework", ".kext",         ".lproj",     ".playground",  ".scnassets",
        ".xcassets",  ".xcdatamodeld", ".xcodeproj", ".xcframework", ".xcworkspace",
    };
    return std::ranges::find(kWrappers, LowerExtension(folder)) != std::end(kWrappers);
}

}  // namespace opendext::toolchain
