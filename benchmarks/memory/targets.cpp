// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/memory/targets.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace opendext::bench {

namespace {

constexpr uint64_t kKiB = 1024;
constexpr uint64_t kMiB = 1024 * kKiB;
constexpr uint64_t kGiB = 1024 * kMiB;
constexpr const char *kMissing = "not measured";

/// A figure and the size that it is of.
struct AtSize {
    double value = 0;
    uint64_t num_bytes = 0;
};

/// The lowest bandwidth of `way` in units of `other`'s, one-shot.
std::optional<AtSize> LeastBandwidthRatio(const MemoryResults &results, std::string_view way,
                                          std::string_view other) {
    std::optional<AtSize> least;
    for (uint64_t num_bytes = 64 * kKiB; num_bytes <= 64 * kMiB; num_bytes *= 4) {
        const Transfer *ours = results.Find(way, BufferUse::kOneShot, num_bytes);
        const Transfer *theirs = results.Find(other, BufferUse::kOneShot, num_bytes);
        if (ours == nullptr || theirs == nullptr) {
            return std::nullopt;
        }
        const double ratio = ours->GBps() / theirs->GBps();
        if (!least || ratio < least->value) {
            least = {ratio, num_bytes};
        }
    }
    return least;
}

TableRow BandwidthRow(const MemoryResults &results, std::string_view way, std::string_view other,
                      std::string_view other_title, double target) {
    TableRow row = {.name = fmt::format("one-shot {}, 64 KiB to 64 MiB, the worst", way),
                    .target = fmt::format("at least {} x", target)};
    const auto least = LeastBandwidthRatio(results, way, other);
    if (!least) {
        row.comparison = kMissing;
        return row;
    }
    const Transfer &ours = *results.Find(way, BufferUse::kOneShot, least->num_bytes);
    row.figure = fmt::format("{:.1f} GB/s", ours.GBps());
    row.comparison =
        fmt::format("{:.2f} x {} ({})", least->value, other_title, SizeName(least->num_bytes));
    row.is_reached = least->value >= target;
    return row;
}

/// The longest call with a reused buffer from 1 MiB on.
std::optional<AtSize> LongestReused(const MemoryResults &results, std::string_view way) {
    std::optional<AtSize> longest;
    for (uint64_t num_bytes = kMiB; num_bytes <= kGiB; num_bytes *= 4) {
        const Transfer *transfer = results.Find(way, BufferUse::kReused, num_bytes);
        if (transfer != nullptr && (!longest || transfer->median_ns > longest->value)) {
            longest = {transfer->median_ns, num_bytes};
        }
    }
    return longest;
}

void AddReusedRows(const MemoryResults &results, std::string_view way,
                   std::vector<TableRow> &rows) {
    constexpr double kMostNanoseconds = 5000;
    constexpr double kMostGrowth = 1.5;
    const Transfer *first = results.Find(way, BufferUse::kReused, kMiB);
    const auto longest = LongestReused(results, way);
    TableRow time = {.name = fmt::format("reused buffer {}, 1 MiB to 1 GiB, the longest", way),
                     .target = fmt::format("at most {}", DurationText(kMostNanoseconds))};
    TableRow growth = {.name = "  the same", .target = fmt::format("at most {} x", kMostGrowth)};
    if (first == nullptr || !longest) {
        time.comparison = kMissing;
        growth.comparison = kMissing;
    } else {
        const double ratio = longest->value / first->median_ns;
        time.figure = DurationText(longest->value);
        time.comparison = fmt::format("at {}", SizeName(longest->num_bytes));
        time.is_reached = longest->value <= kMostNanoseconds;
        growth.comparison = fmt::format("{:.2f} x the time of 1 MiB", ratio);
        growth.is_reached = ratio <= kMostGrowth;
    }
    rows.push_back(time);
    rows.push_back(growth);
}

/// A figure in nanoseconds per unit that is not to be above `most` units.
TableRow TimeRow(const MemoryResults &results, std::string_view name, const std::string &key,
                 double nanoseconds_per_unit, double most) {
    TableRow row = {.name = std::string(name),
                    .target = fmt::format("at most {}", DurationText(most * nanoseconds_per_unit))};
    if (const auto figure = results.Figure(key)) {
        row.figure = DurationText(*figure * nanoseconds_per_unit);
        row.is_reached = *figure <= most;
    } else {
        row.comparison = kMissing;
    }
    return row;
}

TableRow FirstUseRow(const MemoryResults &results) {
    TableRow row = {.name = "first use of a shared 64 MiB", .target = "at most 2 x"};
    const auto first_use = results.Figure("first_use_64MiB_us");
    const auto touch = results.Figure("touch_fresh_64MiB_us");
    if (!first_use || !touch) {
        row.comparison = kMissing;
        return row;
    }
    row.figure = DurationText(*first_use * 1e3);
    row.comparison = fmt::format("{:.2f} x touching fresh pages", *first_use / *touch);
    row.is_reached = *first_use <= 2 * *touch;
    return row;
}

TableRow LoopbackRow(const MemoryResults &results) {
    TableRow row = {.name = "DMA loopback of 64 MiB, embedded", .target = "at least 0.8 x"};
    const auto dma = results.Figure("dma_loopback_GBps");
    const auto copy = results.Figure("memcpy_dma_GBps");
    if (!dma || !copy) {
        row.comparison = kMissing;
        return row;
    }
    row.figure = fmt::format("{:.1f} GB/s", *dma);
    row.comparison = fmt::format("{:.2f} x memcpy", *dma / *copy);
    row.is_reached = *dma >= 0.8 * *copy;
    return row;
}

TableRow SlowdownRow(const MemoryResults &results, std::string_view name, const std::string &key) {
    TableRow row = {.name = std::string(name), .target = "at most 2 x"};
    const auto figure = results.Figure(key);
    if (!figure) {
        row.comparison = kMissing;
        return row;
    }
    row.figure = fmt::format("{:.2f} x", *figure);
    const auto note = results.notes.find(key);
    row.comparison = note == results.notes.end() ? "" : "the slowest: " + note->second;
    row.is_reached = *figure <= 2;
    return row;
}

/// What the driver still holds when all of them are gone. An allocator may keep a little.
TableRow LeftRow(const MemoryResults &results) {
    constexpr double kMostDescriptors = 8;
    constexpr double kMostMiB = 8;
    TableRow row = {.name = "  left when they are gone",
                    .target = fmt::format("at most {}, {} MiB", kMostDescriptors, kMostMiB)};
    const auto descriptors = results.Figure("left_descriptors");
    const auto mappings = results.Figure("left_mappings");
    const auto resident = results.Figure("left_resident_MiB");
    if (!descriptors || !mappings || !resident) {
        row.comparison = kMissing;
        return row;
    }
    row.figure = fmt::format("{:+.1f} MiB", *resident);
    row.comparison =
        fmt::format("{:+.0f} file descriptors, {:+.0f} mappings", *descriptors, *mappings);
    row.is_reached = *descriptors <= kMostDescriptors && *resident <= kMostMiB;
    return row;
}

}  // namespace

std::vector<TableRow> TargetRows(const MemoryResults &results) {
    std::vector<TableRow> rows;
    AddReusedRows(results, "in", rows);
    AddReusedRows(results, "out", rows);
    for (const std::string_view way : {"in", "out"}) {
        rows.push_back(BandwidthRow(results, way, "memcpy", "memcpy", 0.7));
        rows.push_back(BandwidthRow(results, way, "memcpy_rotating", "memcpy, rotating", 0.7));
    }
    rows.push_back(BandwidthRow(results, "in", "fuse_write", "the FUSE write", 4));
    rows.push_back(FirstUseRow(results));
    rows.push_back(TimeRow(results, "pooled buffer, out and back", "pool_cycle_ns", 1, 100));
    rows.push_back(TimeRow(results, "create, address, release of 4 KiB",
                           "create_range_release_4KiB_us", 1e3, 3));
    rows.push_back(
        TimeRow(results, "register read, embedded model", "mmio_read_embedded_ns", 1, 50));
    rows.push_back(LoopbackRow(results));
    rows.push_back(
        SlowdownRow(results, "among 10,000 live descriptors", "descriptors_10000_slowdown"));
    rows.push_back(SlowdownRow(results, "among 1,000 live mappings", "mappings_1000_slowdown"));
    rows.push_back(LeftRow(results));
    return rows;
}

}  // namespace opendext::bench
