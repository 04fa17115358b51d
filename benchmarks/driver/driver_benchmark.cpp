// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/driver/driver_benchmark.h"

#include <fstream>
#include <system_error>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "benchmarks/build_location.h"
#include "benchmarks/driver/application.h"
#include "benchmarks/driver/build_time.h"
#include "benchmarks/driver/many_dexts.h"
#include "benchmarks/driver/matching.h"
#include "benchmarks/table.h"

namespace opendext::bench {

namespace {

using nlohmann::ordered_json;
using Result = std::expected<void, std::string>;

constexpr unsigned kLines = 5000;
constexpr unsigned kDexts = 200;
constexpr unsigned kClients = 5;
constexpr unsigned kPersonalities = 1000;

double Milliseconds(uint64_t nanoseconds) {
    return static_cast<double>(nanoseconds) / 1e6;
}

// Registry, driver and application are processes of their own; the model is in the driver's, as models are.
Result AddInterrupts(const BuildLocation &build, ordered_json &figures) {
    const auto measured = RunDriverApplication(
        build, {build.assets / "InterruptBench.dext", "--device", "model:fpga-dma"},
        {"interrupts"});
    if (!measured) {
        return std::unexpected(measured.error());
    }
    figures["interrupt_process_p50_ns"] = measured->at("p50_ns");
    figures["interrupt_process_p99_ns"] = measured->at("p99_ns");
    return {};
}

Result AddBuild(const BuildLocation &build, ordered_json &figures) {
    const auto times = MeasureBuild(build, kLines);
    if (!times) {
        return std::unexpected(times.error());
    }
    figures["build_ratio_to_clang"] =
        static_cast<double>(times->build_ns) / static_cast<double>(times->compiler_ns);
    figures["build_lines"] = times->num_lines;
    figures["build_ms"] = Milliseconds(times->build_ns);
    figures["build_clang_ms"] = Milliseconds(times->compiler_ns);
    figures["iig_slowest_ms"] = Milliseconds(times->slowest_iig_ns);
    return {};
}

Result AddDexts(const BuildLocation &build, ordered_json &figures) {
    const auto measured = MeasureManyDexts(build, kDexts, kClients);
    if (!measured) {
        return std::unexpected(measured.error());
    }
    figures["dexts_200_private_MiB_each"] = measured->at("private_MiB");
    figures["dexts_200_private_average_MiB"] = measured->at("private_average_MiB");
    figures["dexts_200_calls_answered"] = measured->at("answered");
    return {};
}

Result AddMatching(ordered_json &figures) {
    const auto samples = MeasureMatching(kPersonalities);
    if (!samples) {
        return std::unexpected(samples.error());
    }
    figures["match_1000_personalities_us"] = static_cast<double>(samples->Median()) / 1e3;
    figures["match_1000_personalities_p99_us"] = static_cast<double>(samples->Percentile(99)) / 1e3;
    return {};
}

std::vector<TableRow> RowsOf(const ordered_json &figures) {
    const auto number = [&](const char *key) { return figures.at(key).get<double>(); };
    const double interrupt = number("interrupt_process_p50_ns");
    const double ratio = number("build_ratio_to_clang");
    const double iig = number("iig_slowest_ms");
    const double memory = number("dexts_200_private_MiB_each");
    const double answered = number("dexts_200_calls_answered");
    const double match = number("match_1000_personalities_us");
    return {
        {"interrupt, from the model to InterruptOccurred", DurationText(interrupt), "",
         "at most 2 us", interrupt <= 2000},
        {"  the slowest percent", DurationText(number("interrupt_process_p99_ns")) + "+", "", "",
         std::nullopt},
        {fmt::format("opendext build, {:.0f} lines", number("build_lines")),
         DurationText(number("build_ms") * 1e6),
         fmt::format("{:.2f} x clang++ on its sources", ratio), "at most 1.3 x", ratio <= 1.3},
        {"  the slowest iig", DurationText(iig * 1e6), "", "at most 500 ms", iig <= 500},
        {"200 dexts with 5 clients each", fmt::format("{:.0f} calls answered", answered), "",
         "1000", answered == double{kDexts} * kClients},
        {"  private memory of the largest", fmt::format("{:.2f} MiB", memory), "", "at most 8 MiB",
         memory <= 8},
        {"matching a device among 1,000 personalities", DurationText(match * 1e3), "",
         "at most 5 ms", match <= 5000},
    };
}

}  // namespace

std::expected<void, std::string> RunDriverBenchmark(const std::filesystem::path &folder) {
    const BuildLocation build = BuildLocation::OfThisProgram();
    ordered_json figures;
    Result done = AddInterrupts(build, figures);
    if (done) {
        done = AddBuild(build, figures);
    }
    if (done) {
        done = AddDexts(build, figures);
    }
    if (done) {
        done = AddMatching(figures);
    }
    if (!done) {
        return done;
    }
    PrintTable(RowsOf(figures));
    std::error_code ignored;
    std::filesystem::create_directories(folder, ignored);
    const auto file = folder / "driver.json";
    std::ofstream stream(file);
    stream << figures.dump(2) << '\n';
    stream.close();
    if (!stream) {
        return std::unexpected(fmt::format("{}: cannot be written", file.string()));
    }
    fmt::print("{}\n", file.string());
    return {};
}

}  // namespace opendext::bench
