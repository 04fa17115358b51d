// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <filesystem>
#include <string>

namespace opendext::bench {

/// What it costs to bring an application's memory to a driver and back, next to memcpy, process_vm_readv and a FUSE
/// write, all measured in turns, with buffers of up to `max_bytes`. Prints tables and writes `folder`/memory.json,
/// memory.dat with throughput.svg, its picture (gnuplot), and memory.md (for docs/performance.md). @return one line when
/// something did not work; a missed target is no error.
[[nodiscard]] std::expected<void, std::string> RunMemoryBenchmark(
    const std::filesystem::path &folder, uint64_t max_bytes);

}  // namespace opendext::bench
