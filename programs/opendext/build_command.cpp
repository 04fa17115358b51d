// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "programs/opendext/commands.h"
#include "toolchain/dext_builder.h"

namespace opendext::cli {

namespace {

struct Options {
    std::string folder;
    std::string output;
    std::string bundle_id;
    std::string entitlements;
    std::vector<std::string> additional;
    std::vector<std::string> include_dirs;
    std::vector<std::string> settings;
    std::vector<std::string> flags;
    std::string standard = "gnu++20";
    bool debug = false;
    bool verbose = false;
};

int Fail(const std::string &message) {
    if (!message.empty()) {
        fmt::print(stderr, "{}\n", message);
    }
    return 1;
}

std::string DefaultBundleId(const Options &options) {
    std::string name = std::filesystem::path(options.output).stem().string();
    for (char &c : name) {
        c = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' ? c : '-';
    }
    return "org.example." + name;
}

int Build(const Options &options) {
    const auto sdk = toolchain::SdkLocation::OfThisProgram();
    if (!sdk) {
        return Fail(sdk.error());
    }
    std::filesystem::path output = options.output;
    if (output.extension() != ".dext") {
        return Fail(fmt::format("{}: error: a driver bundle ends in .dext; write -o {}.dext",
                                options.output, options.output));
    }
    auto folder = toolchain::DextFolder::Scan(
        options.folder, {options.additional.begin(), options.additional.end()});
    if (!folder) {
        return Fail(folder.error());
    }
    toolchain::DextBuildRequest request;
    request.folder = *std::move(folder);
    if (!options.entitlements.empty()) {
        request.folder.entitlements = std::filesystem::absolute(options.entitlements);
    }
    request.settings = toolchain::BuildSettings::ForDext(
        options.bundle_id.empty() ? DefaultBundleId(options) : options.bundle_id);
    for (const std::string &setting : options.settings) {
        const size_t equals = setting.find('=');
        if (equals == std::string::npos || equals == 0) {
            return Fail(fmt::format("--set {}: error: write NAME=VALUE", setting));
        }
        request.settings.Set(setting.substr(0, equals), setting.substr(equals + 1));
    }
    request.output = output;
    request.include_dirs.assign(options.include_dirs.begin(), options.include_dirs.end());
    request.compiler_flags = options.flags;
    request.language_standard = options.standard;
    request.optimize = !options.debug;
    request.verbose = options.verbose;
    const auto built = toolchain::BuildDext(request, *sdk);
    return built ? 0 : Fail(built.error());
}

}  // namespace

void AddBuildCommand(CLI::App &program, Run &run) {
    auto options = std::make_shared<Options>();
    CLI::App *command = program.add_subcommand("build", "Build a dext from a folder of sources.");
    command
        ->add_option("DIR", options->folder,
                     "Folder with the .iig, .cpp and .c files, the Info.plist and the "
                     ".entitlements")
        ->required();
    command->add_option("-o,--output", options->output, "The .dext to make")->required();
    command->add_option("--bundle-id", options->bundle_id,
                        "$(PRODUCT_BUNDLE_IDENTIFIER); org.example.NAME if not given");
    command->add_option("--set", options->settings,
                        "A build setting that the property lists use, NAME=VALUE");
    command->add_option("--entitlements", options->entitlements,
                        "The .entitlements file, if not the one in DIR");
    command->add_option("--add", options->additional, "One more source file, or folder of them");
    command->add_option("-I", options->include_dirs, "One more folder for #include");
    command->add_option("--std", options->standard, "Language standard")->capture_default_str();
    command->add_flag(
        "--debug", options->debug,
        "Compile with -O0, for stepping through with a debugger; else it is -O1 (both with -g)");
    command->add_flag("-v,--verbose", options->verbose, "Show every command");
    command->add_option("--flag", options->flags,
                        "One more flag for the compiler, as in --flag=-DDEBUG=1");
    command->footer(
        "Example:\n  opendext build MyDriver -o MyDriver.dext --bundle-id com.example.MyDriver\n");
    command->callback([options, &run] { run = [options] { return Build(*options); }; });
}

}  // namespace opendext::cli
