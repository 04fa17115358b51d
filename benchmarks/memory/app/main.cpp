// SPDX-License-Identifier: Apache-2.0
// The application of the memory benchmark: opendext-bench-memory-app RESULT_FD MAX_BYTES [FUSE_FILE]
#include <cstdlib>

#include <fmt/format.h>

#include "benchmarks/memory/app/driver_side.h"
#include "benchmarks/memory/app/first_use.h"
#include "benchmarks/memory/app/memory_client.h"
#include "benchmarks/memory/app/sweep.h"
#include "benchmarks/memory/app/vm_reader.h"
#include "benchmarks/memory/app/way.h"

namespace opendext::bench {

namespace {

std::expected<void, std::string> Measure(uint64_t max_bytes, const std::string &fuse_file,
                                         MemoryResults &results) {
    // First: it forks, and a connection makes threads.
    auto reader = VmReader::Start();
    if (!reader) {
        return std::unexpected(std::move(reader.error()));
    }
    auto client = MemoryClient::Open();
    if (!client) {
        return std::unexpected(std::move(client.error()));
    }
    if (auto done = MeasureDriverSide(*client, results); !done) {
        return done;
    }
    if (auto done = MeasureFirstUse(*client, results); !done) {
        return done;
    }
    return MeasureTransfers(MakeWays(*client, *reader, fuse_file), max_bytes, results);
}

}  // namespace

}  // namespace opendext::bench

int main(int argc, char **argv) {
    if (argc != 3 && argc != 4) {
        fmt::print(stderr,
                   "usage: opendext-bench-memory-app RESULT_FD MAX_BYTES [FUSE_FILE]; "
                   "opendext-bench runs it\n");
        return 2;
    }
    opendext::bench::MemoryResults results;
    const auto done = opendext::bench::Measure(std::strtoull(argv[2], nullptr, 10),
                                               argc == 4 ? argv[3] : "", results);
    if (!done) {
        fmt::print(stderr, "opendext-bench-memory-app: error: {}\n", done.error());
        return 1;
    }
    if (!results.Write(std::atoi(argv[1]))) {
        fmt::print(stderr, "opendext-bench-memory-app: error: the results could not be written\n");
        return 1;
    }
    return 0;
}
