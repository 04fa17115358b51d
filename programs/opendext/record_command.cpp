// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "programs/opendext/commands.h"

namespace opendext::cli {

namespace {

struct RecordOptions {
    std::vector<std::string> dexts;
    std::string device;
    std::string output;
    bool quiet = false;
    std::vector<std::string> app_command;
};

// `opendext run` with the device recorded, in this process's place.
int Record(const RecordOptions &options) {
    if (options.output.contains(',')) {
        fmt::print(stderr, "opendext: error: {}: a recording's name has no comma; choose another\n",
                   options.output);
        return 1;
    }
    std::vector<std::string> words = {"opendext", "run"};
    words.insert(words.end(), options.dexts.begin(), options.dexts.end());
    words.insert(words.end(),
                 {"--device", fmt::format("record:{},{}", options.output, options.device)});
    if (options.quiet) {
        words.emplace_back("--quiet");
    }
    if (!options.app_command.empty()) {
        words.emplace_back("--app");
        words.insert(words.end(), options.app_command.begin(), options.app_command.end());
    }
    std::vector<char *> arguments;
    arguments.reserve(words.size() + 1);
    for (std::string &word : words) {
        arguments.push_back(word.data());
    }
    arguments.push_back(nullptr);
    execv("/proc/self/exe", arguments.data());
    fmt::print(stderr, "opendext: error: opendext run cannot be started: {}\n",
               std::strerror(errno));
    return 1;
}

}  // namespace

void AddRecordCommand(CLI::App &program, Run &run, std::vector<std::string> app_command) {
    auto options = std::make_shared<RecordOptions>();
    options->app_command = std::move(app_command);
    CLI::App *command = program.add_subcommand(
        "record", "Runs drivers with a device and saves what passes between them");
    command->require_subcommand(1);
    CLI::App *usb = command->add_subcommand(
        "usb", "Saves a USB device's transfers as pcapng, for Wireshark and --device replay:FILE");
    usb->add_option("DEXT", options->dexts, "A .dext folder")->required();
    usb->add_option("--device", options->device, "The device, as of opendext run")->required();
    usb->add_option("-o,--output", options->output, "The file to write")->required();
    usb->add_flag("-q,--quiet", options->quiet, "As of opendext run");
    usb->footer(
        "With --app PROGRAM ARGS... last, as of opendext run; without it, until Ctrl-C.\n\n"
        "Example:\n"
        "  opendext record usb MyDriver.dext --device libusb:0781:5530 -o disk.pcapng --app ./app\n"
        "  opendext run MyDriver.dext --device replay:disk.pcapng --app ./app\n");
    usb->callback([&run, options] { run = [options] { return Record(*options); }; });
}

}  // namespace opendext::cli
