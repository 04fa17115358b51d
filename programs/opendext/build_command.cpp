// SPDX-License-Identifier: Apache-2.0
#include <cctype>
#include <cstdio>
#include <expected>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "programs/opendext/commands.h"
#include "toolchain/dext_builder.h"
#include "toolchain/project/project.h"
#include "toolchain/project/project_build.h"

namespace opendext::cli {

namespace {

struct Options {
    std::string place;
    std::string target;
    std::string configuration;
    std::string output;
    std::string bundle_id;
    std::string entitlements;
    std::string info_plist;
    std::vector<std::string> additional;
    std::vector<std::string> include_dirs;
    std::vector<std::string> settings;
    std::vector<std::string> flags;
    std::string standard;
    bool debug = false;
    bool verbose = false;
};

using Request = std::expected<toolchain::DextBuildRequest, std::string>;

int Fail(const std::string &message) {
    if (!message.empty()) {
        fmt::print(stderr, "{}\n", message);
    }
    return 1;
}

std::string DefaultBundleId(const std::string &output) {
    std::string name = std::filesystem::path(output).stem().string();
    for (char &c : name) {
        c = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' ? c : '-';
    }
    return "org.example." + name;
}

std::expected<std::vector<toolchain::SettingAssignment>, std::string> Overrides(
    const Options &options) {
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

// The folder's own name, of a path that may end in '/' or be "..".
std::string NameOf(const std::string &place) {
    const auto whole = std::filesystem::absolute(place).lexically_normal();
    return (whole.has_filename() ? whole : whole.parent_path()).filename().string();
}

Request OfFolder(const Options &options) {
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
    request.output = options.output.empty() ? NameOf(options.place) + ".dext" : options.output;
    request.settings = toolchain::BuildSettings::ForDext(
        options.bundle_id.empty() ? DefaultBundleId(request.output) : options.bundle_id);
    for (const toolchain::SettingAssignment &setting : *overrides) {
        request.settings.Set(setting.name, setting.value);
    }
    request.language_standard = options.standard.empty() ? "gnu++20" : options.standard;
    return request;
}

Request OfProject(const std::filesystem::path &project, const Options &options) {
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

int Build(const Options &options) {
    const auto sdk = toolchain::SdkLocation::OfThisProgram();
    if (!sdk) {
        return Fail(sdk.error());
    }
    if (!options.output.empty() && std::filesystem::path(options.output).extension() != ".dext") {
        return Fail(fmt::format("{}: error: a driver bundle ends in .dext; write -o {}.dext",
                                options.output, options.output));
    }
    const auto project = toolchain::FindProject(options.place);
    if (!project) {
        return Fail(project.error());
    }
    Request request = *project ? OfProject(**project, options) : OfFolder(options);
    if (!request) {
        return Fail(request.error());
    }
    if (!options.entitlements.empty()) {
        request->folder.entitlements = std::filesystem::absolute(options.entitlements);
    }
    request->include_dirs.assign(options.include_dirs.begin(), options.include_dirs.end());
    request->compiler_flags = options.flags;
    request->optimize = !options.debug;
    request->verbose = options.verbose;
    const auto built = toolchain::BuildDext(*request, *sdk);
    if (!built) {
        return Fail(built.error());
    }
    if (options.output.empty()) {
        fmt::print("{}\n", request->output.string());
    }
    return 0;
}

}  // namespace

void AddBuildCommand(CLI::App &program, Run &run) {
    auto options = std::make_shared<Options>();
    CLI::App *command = program.add_subcommand(
        "build", "Build a dext from an Xcode project, a project.yml or a folder of sources.");
    command
        ->add_option("PLACE", options->place,
                     "X.xcodeproj, project.yml (XcodeGen), a folder with one of them, or a folder "
                     "with the .iig, .cpp and .c files, the Info.plist and the .entitlements")
        ->required();
    command->add_option("-o,--output", options->output,
                        "The .dext to make; if not given, PRODUCT_NAME.dext of a project, or "
                        "FOLDER.dext, here");
    command->add_option("--target", options->target,
                        "The project's target; not needed when one is a driver extension");
    command->add_option("--configuration", options->configuration,
                        "The project's build configuration, as Debug; if not given, its default");
    command->add_option("--bundle-id", options->bundle_id,
                        "$(PRODUCT_BUNDLE_IDENTIFIER); if not given, the project's, or "
                        "org.example.NAME");
    command->add_option("--set", options->settings,
                        "A build setting, NAME=VALUE; it overrides what a project says");
    command->add_option("--entitlements", options->entitlements,
                        "The .entitlements file, if not the project's or the one in the folder");
    command->add_option("--info-plist", options->info_plist,
                        "The Info.plist of a folder, if not found by its name");
    command->add_option("--add", options->additional,
                        "One more source file, or folder of them, of a folder");
    command->add_option("-I", options->include_dirs, "One more folder for #include");
    command->add_option("--std", options->standard,
                        "Language standard of C++; if not given, the project's, or gnu++20");
    command->add_flag(
        "--debug", options->debug,
        "Compile with -O0, for stepping through with a debugger; else it is -O1 (both with -g)");
    command->add_flag("-v,--verbose", options->verbose, "Show every command");
    command->add_option("--flag", options->flags,
                        "One more flag for the compiler, as in --flag=-DDEBUG=1");
    command->footer(
        "Examples:\n"
        "  opendext build MyDriver.xcodeproj\n"
        "  opendext build MyDriver -o MyDriver.dext --bundle-id com.example.MyDriver\n");
    command->callback([options, &run] { run = [options] { return Build(*options); }; });
}

}  // namespace opendext::cli
