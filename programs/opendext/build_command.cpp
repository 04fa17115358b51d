// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "programs/opendext/commands.h"
#include "programs/opendext/dext_options.h"
#include "toolchain/dext_builder.h"

namespace opendext::cli {

namespace {

int Fail(const std::string &message) {
    if (!message.empty()) {
        fmt::print(stderr, "{}\n", message);
    }
    return 1;
}

int Build(const DextOptions &options) {
    const auto sdk = toolchain::SdkLocation::OfThisProgram();
    if (!sdk) {
        return Fail(sdk.error());
    }
    if (!options.output.empty() && std::filesystem::path(options.output).extension() != ".dext") {
        return Fail(fmt::format("{}: error: a driver bundle ends in .dext; write -o {}.dext",
                                options.output, options.output));
    }
    const auto request = DextRequest(options);
    if (!request) {
        return Fail(request.error());
    }
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
    auto options = std::make_shared<DextOptions>();
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
    AddDextOptions(*command, *options);
    command->footer(
        "Examples:\n"
        "  opendext build MyDriver.xcodeproj\n"
        "  opendext build MyDriver -o MyDriver.dext --bundle-id com.example.MyDriver\n");
    command->callback([options, &run] { run = [options] { return Build(*options); }; });
}

}  // namespace opendext::cli
