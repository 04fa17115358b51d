// SPDX-License-Identifier: Apache-2.0
#include "toolchain/project/project_build.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "toolchain/project/target_arguments.h"

namespace opendext::toolchain {

namespace {

using std::filesystem::path;

// Why a source cannot be built, or an empty text.
std::string Complaint(const ProjectTarget &target, const ProjectSource &source) {
    if (source.type == SourceType::kSwift || source.type == SourceType::kObjectiveC) {
        return source.place.Error(
            fmt::format("target '{}' has {}, which is {}: C++ and C are built here; choose another "
                        "--target, or "
                        "take the file out",
                        target.name, source.file.filename().string(),
                        source.type == SourceType::kSwift ? "Swift" : "Objective-C"));
    }
    std::error_code error;
    if (!std::filesystem::is_regular_file(source.file, error)) {
        return source.place.Error(fmt::format(
            "target '{}' lists {}, which does not exist; restore it, or take it out of the target",
            target.name, source.file.string()));
    }
    return {};
}

/// The sources of a target and of the libraries that it links, and how each is compiled.
struct Compilation {
    std::vector<path> interfaces;
    std::vector<path> sources;
    std::map<path, SourceOptions> options;
    SourceOptions for_interfaces;
};

std::expected<void, std::string> AddSource(const ProjectTarget &target,
                                           const TargetArguments &arguments,
                                           const ProjectSource &source, Compilation &compilation) {
    const auto excluded = IsExcluded(target.settings, source.file);
    if (!excluded) {
        return std::unexpected(excluded.error());
    }
    if (*excluded || compilation.options.contains(source.file)) {
        return {};
    }
    if (std::string complaint = Complaint(target, source); !complaint.empty()) {
        return std::unexpected(std::move(complaint));
    }
    auto options = arguments.ForSource(source);
    if (!options) {
        return std::unexpected(std::move(options.error()));
    }
    compilation.options.emplace(source.file, *std::move(options));
    auto &list =
        source.type == SourceType::kInterface ? compilation.interfaces : compilation.sources;
    list.push_back(source.file);
    return {};
}

std::expected<void, std::string> AddTarget(const ProjectTarget &target, Compilation &compilation) {
    const auto arguments = TargetArguments::Of(target);
    if (!arguments) {
        return std::unexpected(arguments.error());
    }
    for (const ProjectSource &source : target.sources) {
        if (auto added = AddSource(target, *arguments, source, compilation); !added) {
            return added;
        }
    }
    for (const ProjectTarget &library : target.libraries) {
        if (auto added = AddTarget(library, compilation); !added) {
            return added;
        }
    }
    compilation.for_interfaces = arguments->ForInterfaces();
    return {};
}

// Where the target's own headers come first: they are what it means by a name that is there twice.
ProjectHeaders HeadersOf(const ProjectTarget &target) {
    const auto use = target.settings.Text("USE_HEADERMAP");
    if (use && *use == "NO") {
        return {};
    }
    ProjectHeaders headers{.all = target.own_headers, .own = target.own_headers};
    headers.all.insert(headers.all.end(), target.headers.begin(), target.headers.end());
    return headers;
}

// The file that a setting names; empty without it. The error says that the file is missing.
std::expected<path, std::string> FileOf(const ProjectTarget &target, const char *setting) {
    const auto name = target.settings.Text(setting);
    if (!name) {
        return std::unexpected(name.error());
    }
    if (name->empty()) {
        return path();
    }
    const path file = (target.directory / *name).lexically_normal();
    std::error_code error;
    if (!std::filesystem::is_regular_file(file, error)) {
        return std::unexpected(target.settings.PlaceOf(setting).Error(
            fmt::format("{} of target '{}' is {}, which does not exist; correct the setting, or "
                        "override it with --set {}=FILE",
                        setting, target.name, file.string(), setting)));
    }
    return file;
}

std::expected<BuildSettings, std::string> SettingsOf(const ProjectTarget &target) {
    BuildSettings settings;
    for (const std::string &name : target.settings.Names()) {
        const auto value = target.settings.Text(name);
        if (!value) {
            return std::unexpected(value.error());
        }
        settings.Set(name, *value);
    }
    if (settings.Get("PRODUCT_BUNDLE_IDENTIFIER").empty()) {
        return std::unexpected(SourcePlace{.file = target.file}.Error(
            fmt::format("target '{}' has no PRODUCT_BUNDLE_IDENTIFIER; give it one with "
                        "--bundle-id com.example.{}",
                        target.name, target.name)));
    }
    return settings;
}

}  // namespace

std::expected<DextBuildRequest, std::string> DextRequestOf(const ProjectTarget &target) {
    Compilation compilation;
    if (auto added = AddTarget(target, compilation); !added) {
        return std::unexpected(std::move(added.error()));
    }
    const SourcePlace place{.file = target.file, .line = 0};
    if (compilation.interfaces.empty() || compilation.sources.empty()) {
        return std::unexpected(place.Error(
            fmt::format("target '{}' has no {}; a dext has .iig files that declare its classes and "
                        ".cpp files that implement them",
                        target.name, compilation.interfaces.empty() ? ".iig file" : ".cpp file")));
    }
    if (auto checked = CheckInterfaceNames(compilation.interfaces); !checked) {
        return std::unexpected(std::move(checked.error()));
    }
    auto settings = SettingsOf(target);
    if (!settings) {
        return std::unexpected(std::move(settings.error()));
    }
    auto info = FileOf(target, "INFOPLIST_FILE");
    if (!info) {
        return std::unexpected(std::move(info.error()));
    }
    if (info->empty()) {
        return std::unexpected(
            place.Error(fmt::format("target '{}' has no INFOPLIST_FILE; a dext needs one with "
                                    "IOKitPersonalities: --set INFOPLIST_FILE=Info.plist",
                                    target.name)));
    }
    auto entitlements = FileOf(target, "CODE_SIGN_ENTITLEMENTS");
    if (!entitlements) {
        return std::unexpected(std::move(entitlements.error()));
    }
    DextBuildRequest request;
    request.folder.iigs = std::move(compilation.interfaces);
    request.folder.sources = std::move(compilation.sources);
    request.folder.info_plist = *std::move(info);
    if (!entitlements->empty()) {
        request.folder.entitlements = *std::move(entitlements);
    }
    request.settings = *std::move(settings);
    request.source_options = std::move(compilation.options);
    request.interface_options = std::move(compilation.for_interfaces);
    request.headers = HeadersOf(target);
    return request;
}

std::expected<ProgramBuildRequest, std::string> ProgramRequestOf(const ProjectTarget &target) {
    Compilation compilation;
    if (auto added = AddTarget(target, compilation); !added) {
        return std::unexpected(std::move(added.error()));
    }
    const SourcePlace place{.file = target.file, .line = 0};
    if (!compilation.interfaces.empty()) {
        return std::unexpected(place.Error(
            fmt::format("target '{}' has {}, which is of a driver; build it with 'opendext build'",
                        target.name, compilation.interfaces.front().filename().string())));
    }
    if (compilation.sources.empty()) {
        return std::unexpected(
            place.Error(fmt::format("target '{}' compiles no C++ or C file", target.name)));
    }
    auto name = target.settings.Text("EXECUTABLE_NAME");
    const auto level = target.settings.Text("GCC_OPTIMIZATION_LEVEL");
    for (const auto *text : {&std::as_const(name), &level}) {
        if (!*text) {
            return std::unexpected(text->error());
        }
    }
    ProgramBuildRequest request;
    // A program that waits for memory to change may do so only as the project compiles it.
    constexpr std::array<std::string_view, 7> kLevels = {"0", "1", "2", "3", "s", "z", "fast"};
    if (std::ranges::find(kLevels, *level) != kLevels.end()) {
        request.optimization = "-O" + *level;
    }
    request.sources = std::move(compilation.sources);
    request.source_options = std::move(compilation.options);
    request.headers = HeadersOf(target);
    request.name =
        name->empty() || name->find('/') != std::string::npos ? target.name : *std::move(name);
    return request;
}

}  // namespace opendext::toolchain
