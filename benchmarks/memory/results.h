// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace opendext::bench {

/// How a buffer is used: by one call, or by one call after another.
enum class BufferUse { kOneShot, kReused };

/// "oneshot", "reused": part of the keys in the JSON.
[[nodiscard]] std::string_view NameOf(BufferUse use);

/// "64KiB"; bytes below 1 KiB are "16B".
[[nodiscard]] std::string SizeName(uint64_t num_bytes);

/// Every way that was measured: the key in the JSON, and what a reader is told.
struct WayName {
    std::string_view key;
    std::string_view title;
};
[[nodiscard]] const std::vector<WayName> &AllWays();

/// What a transfer of some bytes took, one way and use.
struct Transfer {
    std::string way;
    BufferUse use = BufferUse::kOneShot;
    uint64_t num_bytes = 0;
    double median_ns = 0;
    double p99_ns = 0;
    uint64_t num_samples = 0;

    /// Bytes per nanosecond, which are 10^9 per second.
    [[nodiscard]] double GBps() const { return static_cast<double>(num_bytes) / median_ns; }
};

/// All that a run of the memory benchmark measured.
struct MemoryResults {
    std::vector<Transfer> transfers;
    std::map<std::string, double> figures;  ///< By key; one that is not there could not be measured.
    std::map<std::string, std::string> notes;  ///< By key of a figure: a word on it.

    [[nodiscard]] const Transfer *Find(std::string_view way, BufferUse use,
                                       uint64_t num_bytes) const;
    [[nodiscard]] std::optional<double> Figure(const std::string &key) const;

    /// Writes all to `fd`, for Read in another process. @return false when that failed.
    [[nodiscard]] bool Write(int fd) const;

    /// Adds what Write wrote; reads from the start of `fd`. @return false when it is not whole.
    [[nodiscard]] bool Read(int fd);
};

}  // namespace opendext::bench
