// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "base/io_result_name.h"
#include "channel/wire/report_text.h"
#include "programs/opendext/commands.h"
#include "programs/opendext/live_registries.h"

namespace opendext::cli {

namespace {

using channel::EntryId;
using channel::ServiceDirectory;

struct Options {
    int pid = 0;
    bool properties = false;
    bool reports = false;
    std::string name;
};

void PrintProperties(ServiceDirectory &directory, EntryId entry, const std::string &indent) {
    const auto properties = directory.Properties(entry);
    const auto *dictionary = properties ? properties->IfDictionary() : nullptr;
    if (dictionary == nullptr) {
        return;
    }
    fmt::print("{}{{\n", indent);
    for (const auto &[key, value] : *dictionary) {
        fmt::print("{}  \"{}\" = {}\n", indent, key, value.ToString());
    }
    fmt::print("{}}}\n", indent);
}

// Of a service that has published which channels it has.
void PrintReports(ServiceDirectory &directory, EntryId entry, const std::string &indent) {
    const auto legend = directory.Property(entry, "IOReportLegend");
    if (!legend) {
        return;
    }
    const auto elements = directory.ReadReports(entry);
    if (!elements) {
        fmt::print("{}reports: {}\n", indent, DescribeIoResult(elements.error()));
        return;
    }
    for (const std::string &line : channel::DescribeReports(*legend, *elements)) {
        fmt::print("{}{}\n", indent, line);
    }
}

// @return whether anything was.
bool PrintEntry(ServiceDirectory &directory, const Options &options, EntryId entry,
                const std::string &indent, bool shown) {
    const auto description = directory.Describe(entry);
    if (!description) {
        return false;  // it has gone since its parent was asked
    }
    const bool show = shown || options.name.empty() || description->name == options.name;
    if (show) {
        fmt::print("{}+-o {}{}  <class {}, id {:#x}, {}registered, {}active, busy {}>\n", indent,
                   description->name,
                   description->location.empty() ? "" : "@" + description->location,
                   description->class_name, std::to_underlying(entry),
                   description->registered ? "" : "not ", description->active ? "" : "in",
                   description->busy_state);
        if (options.properties) {
            PrintProperties(directory, entry, indent + "  | ");
        }
        if (options.reports) {
            PrintReports(directory, entry, indent + "  | ");
        }
    }
    bool is_any_shown = show;
    const auto children = directory.Children(entry);
    for (size_t i = 0; children && i < children->size(); ++i) {
        const bool last = i + 1 == children->size();
        is_any_shown |= PrintEntry(directory, options, (*children)[i],
                                   show ? indent + (last ? "  " : "| ") : indent, show);
    }
    return is_any_shown;
}

int PrintTree(const Options &options) {
    const auto directory = ConnectToRegistry(options.pid);
    if (!directory) {
        fmt::print(stderr, "{}\n", directory.error());
        return 1;
    }
    if (!PrintEntry(**directory, options, (*directory)->Root(), "", false)) {
        fmt::print(
            stderr,
            "opendext: error: no entry is named '{}'; 'opendext ioreg' shows all there are\n",
            options.name);
        return 1;
    }
    return 0;
}

}  // namespace

void AddTreeCommand(CLI::App &program, Run &run) {
    auto options = std::make_shared<Options>();
    CLI::App *command = program.add_subcommand("ioreg", "Show the registry as a tree.");
    command->add_flag("-l,--properties", options->properties, "Show properties too");
    command->add_flag("-r,--reports", options->reports,
                      "Show what drivers report (IOReporter), read now");
    command->add_option("-n,--name", options->name,
                        "Show only entries of that name, and what is below them");
    command->add_option("--pid", options->pid,
                        "Of the 'opendext run' with that process id, when several run");
    command->footer("Example:\n  opendext ioreg -l -n FpgaDriver\n");
    command->callback([options, &run] { run = [options] { return PrintTree(*options); }; });
}

}  // namespace opendext::cli
