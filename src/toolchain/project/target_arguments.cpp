// SPDX-License-Identifier: Apache-2.0
#include "toolchain/project/target_arguments.h"

#include <fnmatch.h>
#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "toolchain/project/xcode_paths.h"

namespace opendext::toolchain {

namespace {

using std::filesystem::path;

constexpr size_t kMaxNumFolders = 4096;

std::string CxxStandard(const std::string &value) {
    // What came before C++17 our headers do not compile as.
    constexpr std::string_view kOld[] = {"98", "03", "0x", "11", "1y", "14", "1z"};
    const bool is_strict = value.starts_with("c++");
    if (!is_strict && !value.starts_with("gnu++")) {
        return "gnu++20";
    }
    const std::string_view year = std::string_view(value).substr(is_strict ? 3 : 5);
    const bool is_old = std::ranges::find(kOld, year) != std::end(kOld);
    return is_old ? (is_strict ? "c++17" : "gnu++17") : value;
}

std::string CStandard(const std::string &value) {
    const bool is_known =
        value.starts_with("gnu") || value.starts_with("c") || value.starts_with("iso");
    return !is_known || value == "compiler-default" ? "gnu17" : value;
}

path Absolute(const path &directory, const std::string &place) {
    return (directory / place).lexically_normal();
}

// A search path; one that ends in ** stands for the folder and all below it.
std::vector<path> SearchFolders(const path &directory, std::string place) {
    constexpr std::string_view kBelow = "/**";
    if (!place.ends_with(kBelow)) {
        return {Absolute(directory, place)};
    }
    place.resize(place.size() - kBelow.size());
    std::vector<path> folders = {Absolute(directory, place)};
    std::error_code error;
    std::filesystem::recursive_directory_iterator entries(folders.front(), error);
    for (; entries != std::filesystem::recursive_directory_iterator(); entries.increment(error)) {
        if (error || folders.size() >= kMaxNumFolders) {
            break;
        }
        std::error_code ignored;
        if (entries->is_directory(ignored)) {
            folders.push_back(entries->path());
        }
    }
    std::sort(folders.begin() + 1, folders.end());
    return folders;
}

std::expected<void, std::string> AddSearchPaths(const ProjectTarget &target, const char *setting,
                                                const char *option,
                                                std::vector<std::string> &arguments) {
    const auto places = target.settings.Words(setting);
    if (!places) {
        return std::unexpected(places.error());
    }
    for (const std::string &place : *places) {
        if (place.empty()) {
            continue;
        }
        for (const path &folder : SearchFolders(target.directory, place)) {
            arguments.emplace_back(option);
            arguments.push_back(folder.string());
        }
    }
    return {};
}

std::expected<void, std::string> AddFlags(const ProjectTarget &target, const char *setting,
                                          std::vector<std::string> &arguments) {
    const auto words = target.settings.Words(setting);
    if (!words) {
        return std::unexpected(words.error());
    }
    for (std::string &word : PortableFlags(*words, target.directory)) {
        arguments.push_back(std::move(word));
    }
    return {};
}

bool IsFlagWithPath(std::string_view word) {
    constexpr std::string_view kFlags[] = {"-I", "-isystem", "-iquote", "-idirafter", "-include"};
    return std::ranges::find(kFlags, word) != std::end(kFlags);
}

// Known on the original only; the first kind has a value in the next word.
bool IsForeignWithValue(std::string_view word) {
    constexpr std::string_view kFlags[] = {
        "-framework",  "-weak_framework",        "-arch",        "-target", "-isysroot", "-F",
        "-iframework", "-iframeworkwithsysroot", "-iwithsysroot"};
    return std::ranges::find(kFlags, word) != std::end(kFlags);
}

bool IsForeign(std::string_view word) {
    constexpr std::string_view kFlags[] = {"-F/",
                                           "-F.",
                                           "-fmodule",
                                           "-fno-modules",
                                           "-fcxx-modules",
                                           "-fno-cxx-modules",
                                           "-mmacos",
                                           "-mios",
                                           "-miphoneos",
                                           "-mtargetos",
                                           "-mkernel",
                                           "-fapple-kext",
                                           "-fobjc",
                                           "-fno-objc",
                                           "-fembed-bitcode",
                                           "-index-store-path",
                                           "-mdriverkit"};
    return std::ranges::any_of(kFlags,
                               [word](std::string_view flag) { return word.starts_with(flag); });
}

std::expected<bool, std::string> IsNamed(const SettingLevels &settings, const char *setting,
                                         const path &file) {
    const auto patterns = settings.Words(setting);
    if (!patterns) {
        return std::unexpected(patterns.error());
    }
    return std::ranges::any_of(*patterns, [&file](const std::string &pattern) {
        return fnmatch(pattern.c_str(), file.filename().c_str(), 0) == 0 ||
               fnmatch(pattern.c_str(), file.c_str(), 0) == 0 ||
               fnmatch(("*/" + pattern).c_str(), file.c_str(), 0) == 0;
    });
}

}  // namespace

std::vector<std::string> PortableFlags(const std::vector<std::string> &words,
                                       const path &directory) {
    std::vector<std::string> kept;
    for (size_t i = 0; i < words.size(); ++i) {
        const std::string &word = words[i];
        if (IsForeignWithValue(word)) {
            ++i;
        } else if (IsFlagWithPath(word) && i + 1 < words.size()) {
            kept.push_back(word);
            kept.push_back(Absolute(directory, words[++i]).string());
        } else if (word.starts_with("-I") && word.size() > 2) {
            kept.push_back("-I" + Absolute(directory, word.substr(2)).string());
        } else if (!IsForeign(word)) {
            kept.push_back(word);
        }
    }
    return kept;
}

std::expected<bool, std::string> IsExcluded(const SettingLevels &settings, const path &file) {
    const auto excluded = IsNamed(settings, "EXCLUDED_SOURCE_FILE_NAMES", file);
    if (!excluded || !*excluded) {
        return excluded;
    }
    const auto included = IsNamed(settings, "INCLUDED_SOURCE_FILE_NAMES", file);
    return included ? std::expected<bool, std::string>(!*included) : included;
}

std::expected<TargetArguments, std::string> TargetArguments::Of(const ProjectTarget &target) {
    TargetArguments made(target);
    const auto cxx = target.settings.Text("CLANG_CXX_LANGUAGE_STANDARD");
    const auto c = target.settings.Text("GCC_C_LANGUAGE_STANDARD");
    const auto users_too = target.settings.Text("ALWAYS_SEARCH_USER_PATHS");
    const auto prefix = target.settings.Text("GCC_PREFIX_HEADER");
    const auto definitions = target.settings.Words("GCC_PREPROCESSOR_DEFINITIONS");
    for (const auto *text : {&cxx, &c, &users_too, &prefix}) {
        if (!*text) {
            return std::unexpected(text->error());
        }
    }
    if (!definitions) {
        return std::unexpected(definitions.error());
    }
    made.cxx_standard_ = CxxStandard(*cxx);
    made.c_standard_ = CStandard(*c);
    for (const std::string &definition : *definitions) {
        made.preprocessor_.push_back("-D" + definition);
    }
    const std::array<std::pair<const char *, const char *>, 3> search = {
        {{"USER_HEADER_SEARCH_PATHS", *users_too == "YES" ? "-I" : "-iquote"},
         {"HEADER_SEARCH_PATHS", "-I"},
         {"SYSTEM_HEADER_SEARCH_PATHS", "-isystem"}}};
    for (const auto &[setting, option] : search) {
        if (auto added = AddSearchPaths(target, setting, option, made.preprocessor_); !added) {
            return std::unexpected(std::move(added.error()));
        }
    }
    std::vector<std::string> warnings;
    std::vector<std::string> c_flags;
    std::vector<std::string> cxx_flags;
    const std::array<std::pair<const char *, std::vector<std::string> *>, 3> flags = {
        {{"WARNING_CFLAGS", &warnings},
         {"OTHER_CFLAGS", &c_flags},
         {"OTHER_CPLUSPLUSFLAGS", &cxx_flags}}};
    for (const auto &[setting, list] : flags) {
        if (auto added = AddFlags(target, setting, *list); !added) {
            return std::unexpected(std::move(added.error()));
        }
    }
    if (!prefix->empty()) {
        warnings.emplace_back("-include");
        warnings.push_back(Absolute(target.directory, *prefix).string());
    }
    made.c_flags_ = warnings;
    made.c_flags_.insert(made.c_flags_.end(), c_flags.begin(), c_flags.end());
    made.cxx_flags_ = std::move(warnings);
    made.cxx_flags_.insert(made.cxx_flags_.end(), cxx_flags.begin(), cxx_flags.end());
    return made;
}

std::expected<SourceOptions, std::string> TargetArguments::ForSource(
    const ProjectSource &source) const {
    SourceOptions options;
    const bool is_cxx = source.type == SourceType::kCxx || source.type == SourceType::kInterface;
    options.language = is_cxx                                  ? SourceOptions::Language::kCxx
                       : source.type == SourceType::kAssembler ? SourceOptions::Language::kAssembler
                                                               : SourceOptions::Language::kC;
    options.standard = is_cxx ? cxx_standard_ : c_standard_;
    options.arguments = preprocessor_;
    const std::vector<std::string> &flags = is_cxx ? cxx_flags_ : c_flags_;
    options.arguments.insert(options.arguments.end(), flags.begin(), flags.end());
    for (const std::string &own : source.flags) {
        const auto words = target_->settings.ExpandWords(own);
        if (!words) {
            return std::unexpected(source.place.Error(words.error()));
        }
        for (std::string &word : PortableFlags(*words, target_->directory)) {
            options.arguments.push_back(std::move(word));
        }
    }
    return options;
}

SourceOptions TargetArguments::ForInterfaces() const {
    SourceOptions options{.language = SourceOptions::Language::kCxx,
                          .standard = cxx_standard_,
                          .arguments = preprocessor_};
    for (size_t i = 0; i < cxx_flags_.size(); ++i) {
        const std::string &word = cxx_flags_[i];
        if (IsFlagWithPath(word) && i + 1 < cxx_flags_.size()) {
            options.arguments.push_back(word);
            options.arguments.push_back(cxx_flags_[++i]);
        } else if (word.starts_with("-I") || word.starts_with("-D") || word.starts_with("-U")) {
            options.arguments.push_back(word);
        }
    }
    return options;
}

}  // namespace opendext::toolchain
