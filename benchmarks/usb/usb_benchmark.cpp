// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/usb/usb_benchmark.h"

#include <sys/mman.h>
#include <unistd.h>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/unique_fd.h"
#include "benchmarks/build_location.h"
#include "benchmarks/child_process.h"
#include "benchmarks/table.h"

namespace opendext::bench {

namespace {

using nlohmann::ordered_json;
using JsonResult = std::expected<ordered_json, std::string>;

constexpr const char *kDevice = "model:usb-loopback";

std::string ReadAll(int fd) {
    std::string text;
    std::array<char, 4096> part = {};
    ssize_t count = 0;
    while ((count = pread(fd, part.data(), part.size(), static_cast<off_t>(text.size()))) > 0) {
        text.append(part.data(), static_cast<size_t>(count));
    }
    return text;
}

/// Registry, driver, device and application are processes of their own.
JsonResult MeasureProcesses() {
    const BuildLocation build = BuildLocation::OfThisProgram();
    // Inherited by the application, through opendext.
    const UniqueFd file(memfd_create("opendext-bench-result", 0));
    if (!file.is_valid()) {
        return std::unexpected(fmt::format("memfd_create: {}", std::strerror(errno)));
    }
    auto run = ChildProcess::Run(
        {build.programs / "opendext", "run", "--quiet", build.assets / "UsbBench.dext", "--device",
         kDevice, "--app", build.programs / "opendext-bench-usb-app", std::to_string(file.get())});
    if (!run) {
        return std::unexpected(run.error());
    }
    if (const int status = run->Wait(); status != 0) {
        return std::unexpected(fmt::format("opendext run: exit status {}", status));
    }
    ordered_json figures = ordered_json::parse(ReadAll(file.get()), nullptr, false);
    if (!figures.is_object()) {
        return std::unexpected("opendext-bench-usb-app: no results");
    }
    return figures;
}

void AddHardwareFigures(const std::filesystem::path &file, ordered_json &figures) {
    ordered_json measured;
    if (!file.empty()) {
        std::ifstream stream(file);
        measured = ordered_json::parse(stream, nullptr, false);
    }
    for (const char *key : {"vm_bulk_dext_MBps", "vm_bulk_libusb_MBps"}) {
        figures[key] =
            measured.is_object() && measured.contains(key) ? measured[key] : ordered_json();
    }
}

std::optional<double> Figure(const ordered_json &figures, const char *key) {
    const auto found = figures.find(key);
    return found != figures.end() && found->is_number() ? std::optional(found->get<double>())
                                                        : std::nullopt;
}

std::vector<TableRow> RowsOf(const ordered_json &figures) {
    const auto number = [&](const char *key) { return Figure(figures, key).value_or(0); };
    const double copy = number("memcpy_64MiB_GBps");
    const double filled = number("bulk_64MiB_GBps") / copy;
    const double control = number("control_request_p50_ns");
    std::vector<TableRow> rows = {
        {"bulk stream of 64 MiB, buffers filled", fmt::format("{:.1f} GB/s", filled * copy),
         fmt::format("{:.2f} x memcpy", filled), "at least 0.5 x", filled >= 0.5},
        {"  buffers sent as they are",
         fmt::format("{:.1f} GB/s", number("bulk_unfilled_64MiB_GBps")), "", "", std::nullopt},
        {"memcpy of 64 MiB", fmt::format("{:.1f} GB/s", copy), "", "", std::nullopt},
        {"1,000 transfers in flight on a pipe",
         fmt::format("{:.0f} out of turn", number("in_flight_1000_out_of_turn")), "", "none",
         number("in_flight_1000_out_of_turn") == 0},
        {"control request of 8 bytes", DurationText(control), "", "at most 3 us", control <= 3000},
        {"  the slowest percent", DurationText(number("control_request_p99_ns")) + "+", "", "",
         std::nullopt},
    };
    const auto dext = Figure(figures, "vm_bulk_dext_MBps");
    const auto libusb = Figure(figures, "vm_bulk_libusb_MBps");
    if (dext && libusb) {
        const double ratio = *dext / *libusb;
        rows.push_back({"64 KiB bulk transfers, virtual machine", fmt::format("{:.0f} MB/s", *dext),
                        fmt::format("{:.2f} x libusb used directly", ratio), "at least 0.95 x",
                        ratio >= 0.95});
    } else {
        rows.push_back(
            {"64 KiB bulk transfers, virtual machine", "", "not measured", "", std::nullopt});
    }
    return rows;
}

}  // namespace

std::expected<void, std::string> RunUsbBenchmark(const std::filesystem::path &folder,
                                                 const std::filesystem::path &hardware_figures) {
    auto figures = MeasureProcesses();
    if (!figures) {
        return std::unexpected(figures.error());
    }
    AddHardwareFigures(hardware_figures, *figures);
    PrintTable(RowsOf(*figures));
    std::error_code ignored;
    std::filesystem::create_directories(folder, ignored);
    const auto file = folder / "usb.json";
    std::ofstream stream(file);
    stream << figures->dump(2) << '\n';
    stream.close();
    if (!stream) {
        return std::unexpected(fmt::format("{}: cannot be written", file.string()));
    }
    fmt::print("{}\n", file.string());
    return {};
}

}  // namespace opendext::bench
