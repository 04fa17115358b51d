// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <future>
#include <memory>
#include <string>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "base/os_log.h"
#include "channel/transport/log_feed.h"
#include "programs/opendext/commands.h"
#include "programs/opendext/live_registries.h"

namespace opendext::cli {

namespace {

struct Options {
    int pid = 0;
    std::string contains;
};

void Print(const channel::LogFeedLine &line, const Options &options) {
    if (!options.contains.empty() && line.text.find(options.contains) == std::string::npos &&
        line.source.find(options.contains) == std::string::npos) {
        return;
    }
    const auto now =
        std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
    fmt::print("{:%F %T} {} <{}> {}\n", fmt::localtime(std::chrono::system_clock::to_time_t(now)),
               line.source, OsLogTypeName(static_cast<os_log_type_t>(line.level)), line.text);
    std::fflush(stdout);
}

int Follow(const Options &options) {
    std::signal(SIGPIPE, SIG_DFL);  // whoever reads the lines may end first
    const auto directory = ConnectToRegistry(options.pid);
    if (!directory) {
        fmt::print(stderr, "{}\n", directory.error());
        return 1;
    }
    const bool subscribed = channel::LogFeedClient::Subscribe(
        (*directory)->peer(),
        [&options](const channel::LogFeedLine &line) { Print(line, options); });
    if (!subscribed) {
        fmt::print(stderr, "opendext: error: the registry has no log\n");
        return 1;
    }
    // Lines arrive on the bus thread.
    const auto gone = std::make_shared<std::promise<void>>();
    (*directory)->WhenGone([gone] { gone->set_value(); });
    gone->get_future().wait();
    return 0;
}

}  // namespace

void AddLogCommand(CLI::App &program, Run &run) {
    auto options = std::make_shared<Options>();
    CLI::App *command =
        program.add_subcommand("log", "Show what drivers log, as it happens, until Ctrl-C.");
    command->add_option("--contains", options->contains,
                        "Only lines with this text in them or in the driver's name");
    command->add_option("--pid", options->pid,
                        "Of the 'opendext run' with that process id, when several run");
    command->footer("Example:\n  opendext log --contains FpgaDriver\n");
    command->callback([options, &run] { run = [options] { return Follow(*options); }; });
}

}  // namespace opendext::cli
