// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/call/call_benchmark.h"

#include <fstream>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "benchmarks/build_location.h"
#include "benchmarks/call/call_samples.h"
#include "benchmarks/call/embedded_calls.h"
#include "benchmarks/call/fuse_ioctl.h"
#include "benchmarks/call/ping_pong.h"
#include "benchmarks/call/process_calls.h"
#include "benchmarks/call/unix_socket.h"
#include "benchmarks/table.h"

namespace opendext::bench {

namespace {

using Result = std::expected<void, std::string>;

// Each round measures everything once, so that what else the machine does falls on all figures alike.
constexpr size_t kRounds = 11;
constexpr size_t kBusyCallsPerRound = 20'000;
constexpr size_t kParkedCallsPerRound = 30;
constexpr size_t kSystemCallsPerRound = 1'000;
constexpr size_t kEmbeddedCalls = 500'000;

struct Figures {
    CallSamples process;
    Samples starts;
    Samples embedded;
    Samples ping_pong;
    Samples unix_socket;
    Samples unix_socket_idle;
    Samples fuse_ioctl;
    std::string why_no_fuse;
};

Result MeasureRound(const BuildLocation &build, Figures &figures) {
    if (Result done = MeasureProcessCalls(build, kBusyCallsPerRound, kParkedCallsPerRound,
                                          figures.process, figures.starts);
        !done) {
        return done;
    }
    if (Result done = MeasurePingPong(kBusyCallsPerRound, figures.ping_pong); !done) {
        return done;
    }
    if (Result done = MeasureUnixSocket(kSystemCallsPerRound, figures.unix_socket,
                                        kParkedCallsPerRound, figures.unix_socket_idle);
        !done) {
        return done;
    }
    if (figures.why_no_fuse.empty()) {
        if (Result done = MeasureFuseIoctl(kSystemCallsPerRound, figures.fuse_ioctl); !done) {
            figures.why_no_fuse = done.error();
        }
    }
    return {};
}

std::expected<Figures, std::string> MeasureAll() {
    const BuildLocation build = BuildLocation::OfThisProgram();
    Figures figures;
    for (size_t round = 0; round < kRounds; ++round) {
        if (Result done = MeasureRound(build, figures); !done) {
            return std::unexpected(done.error());
        }
    }
    // Last: it makes threads, and the others fork.
    if (Result done =
            MeasureEmbeddedCalls(build.assets / "Bench.dext", kEmbeddedCalls, figures.embedded);
        !done) {
        return std::unexpected(done.error());
    }
    return figures;
}

double MedianOf(const Samples &samples) {
    return static_cast<double>(samples.Median());
}

std::vector<TableRow> RowsOf(const Figures &figures) {
    const double process = MedianOf(figures.process.busy);
    const double parked = MedianOf(figures.process.parked);
    const double embedded = MedianOf(figures.embedded);
    const double start = MedianOf(figures.starts);
    const double ping_pong = MedianOf(figures.ping_pong);
    const double unix_socket = MedianOf(figures.unix_socket);
    const double unix_socket_idle = MedianOf(figures.unix_socket_idle);
    const double fuse = MedianOf(figures.fuse_ioctl);
    const bool has_fuse = figures.fuse_ioctl.size() != 0;
    const double to_ping_pong = process / ping_pong;
    const double to_fuse = fuse / process;
    const double to_socket = parked / unix_socket;
    const double to_idle_socket = parked / unix_socket_idle;
    std::vector<TableRow> rows = {
        {"scalar call, process mode", DurationText(process),
         fmt::format("{:.2f} x the ping-pong", to_ping_pong), "at most 3 x", to_ping_pong <= 3},
        {"  the same", "",
         has_fuse ? fmt::format("{:.0f} x less than the FUSE ioctl", to_fuse)
                  : "no FUSE to compare",
         "at least 30 x", has_fuse ? std::optional(to_fuse >= 30) : std::nullopt},
        {"  the slowest percent",
         DurationText(static_cast<double>(figures.process.busy.Percentile(99))) + "+", "", "",
         std::nullopt},
        {"  after 5 ms of idleness", DurationText(parked),
         fmt::format("{:.2f} x the Unix socket", to_socket), "at most 1 x", to_socket <= 1},
        {"  the same", "", fmt::format("{:.2f} x the Unix socket after as long", to_idle_socket),
         "", std::nullopt},
        {"scalar call, embedded", DurationText(embedded), "", "at most 300 ns", embedded <= 300},
        {"opendext run to first answer", DurationText(start), "", "below 150 ms", start < 150e6},
        {"shared-memory ping-pong", DurationText(ping_pong), "", "", std::nullopt},
        {"Unix socket, round trip", DurationText(unix_socket), "", "", std::nullopt},
        {"  after 5 ms of idleness", DurationText(unix_socket_idle), "", "", std::nullopt},
        {"FUSE ioctl", has_fuse ? DurationText(fuse) : "none", figures.why_no_fuse, "",
         std::nullopt},
    };
    return rows;
}

nlohmann::ordered_json JsonOf(const Figures &figures) {
    nlohmann::ordered_json json;
    json["scalar_call_process_p50_ns"] = figures.process.busy.Median();
    json["scalar_call_process_p99_ns"] = figures.process.busy.Percentile(99);
    json["scalar_call_parked_p50_ns"] = figures.process.parked.Median();
    json["scalar_call_embedded_p50_ns"] = figures.embedded.Median();
    json["shm_pingpong_p50_ns"] = figures.ping_pong.Median();
    json["unix_socket_p50_ns"] = figures.unix_socket.Median();
    json["unix_socket_parked_p50_ns"] = figures.unix_socket_idle.Median();
    json["fuse_ioctl_p50_ns"] = nullptr;
    if (figures.fuse_ioctl.size() != 0) {
        json["fuse_ioctl_p50_ns"] = figures.fuse_ioctl.Median();
    }
    json["run_to_first_call_ms"] = MedianOf(figures.starts) / 1e6;
    return json;
}

}  // namespace

std::expected<void, std::string> RunCallBenchmark(const std::filesystem::path &json_folder) {
    const auto figures = MeasureAll();
    if (!figures) {
        return std::unexpected(figures.error());
    }
    PrintTable(RowsOf(*figures));
    fmt::print("{} process calls, {} parked, {} embedded, {} starts\n",
               figures->process.busy.size(), figures->process.parked.size(),
               figures->embedded.size(), figures->starts.size());
    std::error_code ignored;
    std::filesystem::create_directories(json_folder, ignored);
    const auto file = json_folder / "call.json";
    std::ofstream stream(file);
    stream << JsonOf(*figures).dump(2) << '\n';
    stream.close();
    if (!stream) {
        return std::unexpected(fmt::format("{}: cannot be written", file.string()));
    }
    fmt::print("{}\n", file.string());
    return {};
}

}  // namespace opendext::bench
