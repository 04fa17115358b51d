// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/memory/report.h"

#include <set>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "benchmarks/memory/targets.h"
#include "benchmarks/table.h"

namespace opendext::bench {

namespace {

constexpr BufferUse kUses[] = {BufferUse::kOneShot, BufferUse::kReused};

std::string Heading(BufferUse use, std::string_view quantity) {
    return fmt::format("{}, {}",
                       use == BufferUse::kOneShot ? "One-shot: each buffer fresh and just filled"
                                                  : "Reused: the same buffer again",
                       quantity);
}

std::string TimeCell(const Transfer &transfer) {
    return fmt::format("{} / {}", DurationText(transfer.median_ns), DurationText(transfer.p99_ns));
}

std::string BandwidthCell(const Transfer &transfer) {
    const double value = transfer.GBps();
    return value < 0.1    ? fmt::format("{:.3f}", value)
           : value < 1000 ? fmt::format("{:.1f}", value)
                          : fmt::format("{:.0f}", value);
}

std::set<uint64_t> SizesOf(const MemoryResults &results) {
    std::set<uint64_t> sizes;
    for (const Transfer &transfer : results.transfers) {
        sizes.insert(transfer.num_bytes);
    }
    return sizes;
}

/// A row per size, a column per way.
Grid GridOf(const MemoryResults &results, BufferUse use, std::string (*cell)(const Transfer &)) {
    Grid grid = {.rows = {{"size"}}, .is_number = {true}};
    for (const WayName &way : AllWays()) {
        grid.rows[0].emplace_back(way.title);
        grid.is_number.push_back(true);
    }
    for (const uint64_t num_bytes : SizesOf(results)) {
        auto &row = grid.rows.emplace_back();
        row.push_back(SizeName(num_bytes));
        for (const WayName &way : AllWays()) {
            const Transfer *transfer = results.Find(way.key, use, num_bytes);
            row.push_back(transfer == nullptr ? "-" : cell(*transfer));
        }
    }
    return grid;
}

/// Keys that are there whatever was measured.
std::vector<std::string> PromisedFigures() {
    return {"first_use_64MiB_us",    "touch_fresh_64MiB_us",
            "pool_cycle_ns",         "create_range_release_4KiB_us",
            "mmio_read_embedded_ns", "dma_loopback_GBps",
            "memcpy_dma_GBps",       "descriptors_10000_slowdown",
            "mappings_1000_slowdown"};
}

void AddPromisedTransfers(const MemoryResults &results, nlohmann::ordered_json &json) {
    for (const uint64_t num_bytes : {uint64_t{1} << 20, uint64_t{1} << 30}) {
        const Transfer *transfer = results.Find("in", BufferUse::kReused, num_bytes);
        auto &value = json[fmt::format("reused_call_{}_us", SizeName(num_bytes))];
        value = nullptr;
        if (transfer != nullptr) {
            value = transfer->median_ns / 1e3;
        }
    }
    struct Promised {
        std::string_view way;
        std::string_view key;
    };
    constexpr Promised kPromised[] = {
        {"in", "oneshot"}, {"memcpy", "memcpy"}, {"fuse_write", "fuse_write"}};
    for (const Promised &promised : kPromised) {
        for (const uint64_t num_bytes :
             {uint64_t{64} << 10, uint64_t{1} << 20, uint64_t{64} << 20}) {
            const Transfer *transfer = results.Find(promised.way, BufferUse::kOneShot, num_bytes);
            auto &value = json[fmt::format("{}_{}_GBps", promised.key, SizeName(num_bytes))];
            value = nullptr;
            if (transfer != nullptr) {
                value = transfer->GBps();
            }
        }
    }
}

}  // namespace

std::string ReportText(const MemoryResults &results, const std::string &machine,
                       const std::string &why_no_fuse) {
    std::string text = fmt::format("memory: {}\n", machine);
    if (!why_no_fuse.empty()) {
        text += fmt::format("no FUSE write to compare with: {}\n", why_no_fuse);
    }
    for (const BufferUse use : kUses) {
        text += fmt::format("\n{}\n{}", Heading(use, "time per call: median / 99th percentile"),
                            TextOf(GridOf(results, use, TimeCell)));
        text += fmt::format("\n{}\n{}", Heading(use, "GB/s"),
                            TextOf(GridOf(results, use, BandwidthCell)));
    }
    return text + '\n' + TextOf(GridOf(TargetRows(results)));
}

std::string ReportMarkdown(const MemoryResults &results, const std::string &machine) {
    std::string text =
        fmt::format("Machine: {}.\n\n{}", machine, MarkdownOf(GridOf(TargetRows(results))));
    for (const BufferUse use : kUses) {
        text += fmt::format("\n{}:\n\n{}", Heading(use, "time per call (median / 99th percentile)"),
                            MarkdownOf(GridOf(results, use, TimeCell)));
        text += fmt::format("\n{}:\n\n{}", Heading(use, "GB/s"),
                            MarkdownOf(GridOf(results, use, BandwidthCell)));
    }
    return text;
}

std::string ReportJson(const MemoryResults &results, const std::string &machine) {
    nlohmann::ordered_json json = {{"machine", machine}};
    AddPromisedTransfers(results, json);
    for (const std::string &key : PromisedFigures()) {
        json[key] = nullptr;
    }
    for (const auto &[key, value] : results.figures) {
        json[key] = value;
    }
    for (const Transfer &transfer : results.transfers) {
        const std::string key = fmt::format("{}_{}_{}", transfer.way, NameOf(transfer.use),
                                            SizeName(transfer.num_bytes));
        json[key + "_us"] = transfer.median_ns / 1e3;
        json[key + "_p99_us"] = transfer.p99_ns / 1e3;
    }
    return json.dump(2) + '\n';
}

std::string ReportPlotData(const MemoryResults &results) {
    std::string text;
    for (const WayName &way : AllWays()) {
        for (const BufferUse use : kUses) {
            std::string lines;
            for (const uint64_t num_bytes : SizesOf(results)) {
                if (const Transfer *transfer = results.Find(way.key, use, num_bytes)) {
                    lines += fmt::format("{} {} {}\n", num_bytes, transfer->GBps(),
                                         transfer->median_ns / 1e3);
                }
            }
            if (!lines.empty()) {
                text += fmt::format("# {}_{}\n{}\n\n", way.key, NameOf(use), lines);
            }
        }
    }
    return text;
}

}  // namespace opendext::bench
