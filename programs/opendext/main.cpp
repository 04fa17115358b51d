// SPDX-License-Identifier: Apache-2.0
// opendext: builds DriverKit drivers and their clients, runs them, and shows what they do.
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "programs/opendext/commands.h"

namespace {

/// Takes "--app PROGRAM ARGS..." off the end of a `run` or `record` command: the arguments are the application's own,
/// whatever they look like. Empty without --app; nothing when no program follows it.
std::optional<std::vector<std::string>> TakeAppCommand(std::vector<std::string> &words) {
    constexpr std::string_view kJoined = "--app=";
    if (words.empty() || (words.front() != "run" && words.front() != "record")) {
        return std::vector<std::string>();
    }
    const auto app = std::ranges::find_if(words, [kJoined](const std::string &word) {
        return word == "--app" || word.starts_with(kJoined);
    });
    if (app == words.end()) {
        return std::vector<std::string>();
    }
    std::vector<std::string> command;
    if (app->starts_with(kJoined) && *app != kJoined) {
        command.push_back(app->substr(kJoined.size()));
    }
    command.insert(command.end(), app + 1, words.end());
    words.erase(app, words.end());
    return command.empty() ? std::nullopt : std::optional(std::move(command));
}

}  // namespace

// NOLINTNEXTLINE(bugprone-exception-escape): only memory that runs out gets here
int main(int argc, char **argv) {
    std::signal(SIGPIPE, SIG_IGN);
    std::vector<std::string> words(argv + 1, argv + argc);
    const auto app_command = TakeAppCommand(words);
    if (!app_command) {
        std::fputs(
            "opendext: error: --app is followed by no program; write --app PROGRAM ARGS..., or "
            "leave it "
            "out: then the drivers run until Ctrl-C\n",
            stderr);
        return 1;
    }
    CLI::App program("Builds and runs DriverKit drivers (dexts) on Linux.", "opendext");
    program.require_subcommand(1);
    program.set_version_flag("--version", "opendext " OPENDEXT_VERSION);
    program.failure_message([](const CLI::App *app, const CLI::Error &error) {
        return std::string("opendext: error: ") + error.what() + "; see '" + app->get_name() +
               " --help'\n";
    });
    opendext::cli::Run run;
    opendext::cli::AddBuildCommand(program, run);
    opendext::cli::AddClientCompilerCommand(program, run);
    opendext::cli::AddRunCommand(program, run, *app_command);
    opendext::cli::AddRecordCommand(program, run, *app_command);
    opendext::cli::AddTestCommand(program, run);
    opendext::cli::AddTreeCommand(program, run);
    opendext::cli::AddLogCommand(program, run);
    opendext::cli::AddPowerCommand(program, run);
    program.footer(
        "Example:\n"
        "  opendext build MyDriver -o MyDriver.dext\n"
        "  opendext cc app.cpp -o app\n"
        "  opendext run MyDriver.dext --device model:fpga-dma --app ./app\n");
    std::ranges::reverse(words);  // CLI11 takes them from the back
    try {
        program.parse(words);
    } catch (const CLI::RequiredError &error) {
        if (argc > 1 && argv[1][0] != '-' && program.get_subcommands().empty()) {
            std::fprintf(stderr,
                         "opendext: error: there is no command '%s'; see 'opendext --help'\n",
                         argv[1]);
            return error.get_exit_code();
        }
        return program.exit(error);
    } catch (const CLI::ParseError &error) {
        return program.exit(error);
    }
    try {
        return run();
    } catch (const std::system_error &error) {  // fmt::print, when nobody takes the output any more
        std::fprintf(stderr, "opendext: error: %s\n", error.what());
        return 1;
    }
}
