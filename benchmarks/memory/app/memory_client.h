// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <utility>

#include "benchmarks/connection.h"
#include "benchmarks/memory/driver/MemoryBenchProtocol.h"
#include "benchmarks/samples.h"

namespace opendext::bench {

/// The first and the last word of some bytes.
struct EndWords {
    uint32_t first = 0;
    uint32_t last = 0;

    bool operator==(const EndWords &) const = default;

    /// Of a buffer of this process, at least a word.
    [[nodiscard]] static EndWords Of(std::span<const std::byte> bytes);
};

/// A connection to the driver of the memory benchmark. Each call's contract is in MemoryBenchProtocol.h; false is a
/// call that failed.
class MemoryClient {
public:
    [[nodiscard]] static std::expected<MemoryClient, std::string> Open();

    /// @param ends receive what the driver saw.
    [[nodiscard]] bool Take(std::span<const std::byte> buffer, EndWords &ends);

    /// As Take; the driver reads all of it.
    [[nodiscard]] bool Sum(std::span<const std::byte> buffer, EndWords &ends);

    [[nodiscard]] bool Give(std::span<std::byte> buffer, uint32_t word, bool fills);

    /// How the driver makes a descriptor of this process's memory.
    enum class ReachMode { kSnapshot, kShared };
    [[nodiscard]] bool Reach(std::span<std::byte> buffer, ReachMode mode, EndWords &ends);

    [[nodiscard]] bool Keep(MemoryBenchKept kind, uint64_t count);

    /// Nanoseconds of `times_per_sample` operations in the driver, `num_samples` times (at most 512).
    [[nodiscard]] std::expected<Samples, std::string> Time(MemoryBenchOperation operation,
                                                           uint64_t times_per_sample,
                                                           size_t num_samples);

private:
    [[nodiscard]] bool Send(MemoryBenchSelector selector, uint32_t num_outputs,
                            std::span<const std::byte> buffer, EndWords &ends);

    explicit MemoryClient(Connection connection) : connection_(std::move(connection)) {}

    Connection connection_;
};

}  // namespace opendext::bench
