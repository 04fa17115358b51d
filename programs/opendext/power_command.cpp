// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <memory>
#include <string>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "base/io_result_name.h"
#include "channel/wire/io_result.h"
#include "programs/opendext/commands.h"
#include "programs/opendext/live_registries.h"

namespace opendext::cli {

namespace {

struct Options {
    int pid = 0;
    std::string state;
};

int SetPower(const Options &options) {
    const auto directory = ConnectToRegistry(options.pid);
    if (!directory) {
        fmt::print(stderr, "{}\n", directory.error());
        return 1;
    }
    const int32_t result = (*directory)->SetAsleep(options.state == "sleep");
    if (result != channel::kSuccess) {
        fmt::print(stderr,
                   "opendext: error: the registry does not answer ({}); 'opendext log' shows what "
                   "it waits for\n",
                   DescribeIoResult(result));
        return 1;
    }
    return 0;
}

}  // namespace

void AddPowerCommand(CLI::App &program, Run &run) {
    auto options = std::make_shared<Options>();
    CLI::App *command =
        program.add_subcommand("power",
                               "Put drivers to sleep or wake them, as a Mac does when its lid is "
                               "shut and opened. Returns when all have "
                               "acknowledged it (SetPowerState).");
    command->add_option("state", options->state, "'sleep' or 'wake'")
        ->required()
        ->check(CLI::IsMember({"sleep", "wake"}));
    command->add_option("--pid", options->pid,
                        "Of the 'opendext run' with that process id, when several run");
    command->footer("Example:\n  opendext power sleep && opendext power wake\n");
    command->callback([options, &run] { run = [options] { return SetPower(*options); }; });
}

}  // namespace opendext::cli
