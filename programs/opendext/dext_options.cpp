// SPDX-License-Identifier: Apache-2.0
#include "programs/opendext/dext_options.h"

#include <cctype>
#include <utility>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "toolchain/project/project.h"
#include "toolchain/project/project_build.h"

namespace opendext::cli {

namespace {

using Request = std::expected<toolchain::DextBuildRequest, std::string>;

std::string DefaultBundleId(const std::string &output) {
    std::string name = std::filesystem::path(output).stem().string();
    for (char &c : name) {
        c = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' ? c : '-';
    }
    return "org.example." + name;
}

std::expected<std::vector<toolchain::SettingAssignment>, std::string> Overrides(
    const DextOptions &options) {
    std::vector<toolchain::SettingAssignment> overrides;
    for (const std::string &setting : options.settings) {
        auto assignment = toolchain::ParseOverride(setting);
        if (!assignment) {
            return std::unexpected(std::move(assignment.error()));
        }
        overrides.push_back(*std::move(assignment));
    }
    return overrides;
}

Request OfFolder(const DextOptions &options) {
    auto folder = toolchain::DextFolder::Scan(
        options.place, {options.additional.begin(), options.additional.end()}, options.info_plist);
    if (!folder) {
        return std::unexpected(std::move(folder.error()));
    }
    if (!options.target.empty() || !options.configuration.empty()) {
        return std::unexpected(fmt::format(
            "{}: error: --target and --configuration are for projects, and this is a folder of "
            "sources; give the .xcodeproj or the project.yml",
            options.place));
    }
    const auto overrides = Overrides(options);
    if (!overrides) {
        return std::unexpected(overrides.error());
    }
    toolchain::DextBuildRequest request;
    request.folder = *std::move(folder);
    request.output =
        options.output.empty() ? NameOfFolder(options.place) + ".dext" : options.output;
    request.settings = toolchain::BuildSettings::ForDext(
        options.bundle_id.empty() ? DefaultBundleId(request.output) : options.bundle_id);
    for (const toolchain::SettingAssignment &setting : *overrides) {
        request.settings.Set(setting.name, setting.value);
    }
    request.language_standard = options.standard.empty() ? "gnu++20" : options.standard;
    return request;
}

Request OfProject(const std::filesystem::path &project, const DextOptions &options) {
    if (!options.additional.empty() || !options.info_plist.empty()) {
        return std::unexpected(fmt::format(
            "{}: error: --add and --info-plist are for folders of sources; a project says itself "
            "what belongs to it, and --set INFOPLIST_FILE=FILE overrides it",
            project.string()));
    }
    auto overrides = Overrides(options);
    if (!overrides) {
        return std::unexpected(std::move(overrides.error()));
    }
    if (!options.standard.empty()) {
        overrides->push_back({.name = "CLANG_CXX_LANGUAGE_STANDARD",
                              .conditions = {},
                              .value = options.standard,
                              .place = {.file = "--std", .line = 0}});
    }
    const auto target =
        toolchain::LoadTarget(project, toolchain::TargetPurpose::kDext, options.target,
                              {.configuration = options.configuration,
                               .bundle_id = options.bundle_id,
                               .overrides = *std::move(overrides)});
    if (!target) {
        return std::unexpected(target.error());
    }
    auto request = toolchain::DextRequestOf(*target);
    if (request) {
        request->output = options.output.empty() ? request->settings.Get("PRODUCT_NAME") + ".dext"
                                                 : options.output;
    }
    return request;
}

}  // namespace

std::string NameOfFolder(const std::string &place) {
    const auto whole = std::filesystem::absolute(place).lexically_normal();
    return (whole.has_filename() ? whole : whole.parent_path()).filename().string();
}

std::expected<toolchain::DextBuildRequest, std::string> DextRequest(const DextOptions &options) {
    const auto project = toolchain::FindProject(options.place);
    if (!project) {
        return std::unexpected(project.error());
    }
    Request request = *project ? OfProject(**project, options) : OfFolder(options);
    if (!request) {
        return request;
    }
    if (!options.entitlements.empty()) {
        request->folder.entitlements = std::filesystem::absolute(options.entitlements);
    }
    request->include_dirs.assign(options.include_dirs.begin(), options.include_dirs.end());
    request->compiler_flags = options.flags;
    request->optimize = !options.debug;
    request->verbose = options.verbose;
    return request;
}

void AddDextOptions(CLI::App &command, DextOptions &options) {
    command.add_option("--target", options.target,
                       "The project's target; not needed when one is a driver extension");
    command.add_option("--configuration", options.configuration,
                       "The project's build configuration, as Debug; if not given, its default");
    command.add_option("--bundle-id", options.bundle_id,
                       "$(PRODUCT_BUNDLE_IDENTIFIER); if not given, the project's, or "
                       "org.example.NAME");
    command.add_option("--set", options.settings,
                       "A build setting, NAME=VALUE; it overrides what a project says");
    command.add_option("--entitlements", options.entitlements,
                       "The .entitlements file, if not the project's or the one in the folder");
    command.add_option("--info-plist", options.info_plist,
                       "The Info.plist of a folder, if not found by its name");
    command.add_option("--add", options.additional,
                       "One more source file, or folder of them, of a folder");
    command.add_option("-I", options.include_dirs, "One more folder for #include");
    command.add_option("--std", options.standard,
                       "Language standard of C++; if not given, the project's, or gnu++20");
    command.add_flag(
        "--debug", options.debug,
        "Compile with -O0, for stepping through with a debugger; else it is -O1 (both with -g)");
    command.add_flag("-v,--verbose", options.verbose, "Show every command");
    command.add_option("--flag", options.flags,
                       "One more flag for the compiler, as in --flag=-DDEBUG=1");
}

}  // namespace opendext::cli
