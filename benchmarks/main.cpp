// SPDX-License-Identifier: Apache-2.0
#include <csignal>
#include <cstdint>
#include <expected>
#include <string>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "benchmarks/call/call_benchmark.h"
#include "benchmarks/driver/driver_benchmark.h"
#include "benchmarks/memory/memory_benchmark.h"
#include "benchmarks/usb/usb_benchmark.h"

// CLI11 throws only what CLI11_PARSE catches.
// NOLINTNEXTLINE(bugprone-exception-escape)
int main(int argc, char **argv) {
    std::string name = "call";
    std::string folder = "build/bench";
    uint64_t max_mib = 1024;
    CLI::App program("Measures OpenDext, prints tables and writes the figures as JSON.",
                     "opendext-bench");
    program
        .add_option(
            "NAME", name,
            "What to measure; call: calls from an application to a driver; memory: an "
            "application's memory on its way to a driver and back; usb: transfers from a driver to "
            "a USB device; driver: interrupts, building, many drivers at once, matching")
        ->check(CLI::IsMember({"call", "memory", "usb", "driver"}))
        ->capture_default_str();
    program
        .add_option("--json-folder", folder,
                    "Where to write NAME.json; memory: also the tables as text and the plot")
        ->capture_default_str();
    program
        .add_option("--max-mib", max_mib,
                    "memory: the largest buffer, in MiB; four times as much memory is used")
        ->check(CLI::Range(1, 1024))
        ->capture_default_str();
    std::string hardware_figures;
    program.add_option("--hardware-figures", hardware_figures,
                       "usb: a file with what was measured in the virtual machine, as JSON");
    program.footer("Example:\n  opendext-bench memory --max-mib 64\n");
    CLI11_PARSE(program, argc, argv);
    std::signal(SIGPIPE, SIG_IGN);
    std::expected<void, std::string> done;
    if (name == "call") {
        done = opendext::bench::RunCallBenchmark(folder);
    } else if (name == "memory") {
        done = opendext::bench::RunMemoryBenchmark(folder, max_mib << 20);
    } else if (name == "driver") {
        done = opendext::bench::RunDriverBenchmark(folder);
    } else {
        done = opendext::bench::RunUsbBenchmark(folder, hardware_figures);
    }
    if (!done) {
        fmt::print(stderr, "opendext-bench: error: {}\n", done.error());
        return 1;
    }
    return 0;
}
