// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/memory/app/driver_side.h"

#include <algorithm>
#include <functional>
#include <span>
#include <vector>

#include <fmt/format.h>

#include "benchmarks/memory/app/driver_process.h"
#include "benchmarks/memory/app/fresh_buffers.h"
#include "benchmarks/samples.h"
#include "benchmarks/table.h"

namespace opendext::bench {

namespace {

using Result = std::expected<void, std::string>;

constexpr size_t kRounds = 3;
constexpr size_t kSamplesPerRound = 200;
constexpr uint64_t kTimesPerSample = 5;

/// Something whose time should not depend on how much there is.
struct Operation {
    std::string name;
    std::function<Result(Samples &)> measure;
    Samples alone;
    Samples crowded;

    [[nodiscard]] double Slowdown() const {
        return static_cast<double>(crowded.Median()) / static_cast<double>(alone.Median());
    }
};

Operation InDriver(MemoryClient &client, std::string name, MemoryBenchOperation operation) {
    return {.name = std::move(name), .measure = [&client, operation](Samples &samples) -> Result {
                auto taken = client.Time(operation, kTimesPerSample, kSamplesPerRound);
                if (!taken) {
                    return std::unexpected(std::move(taken.error()));
                }
                samples.Append(taken->values());
                return {};
            }};
}

Operation FromApplication(const std::string &name, std::function<bool()> call) {
    return {.name = name, .measure = [name, call = std::move(call)](Samples &samples) -> Result {
                if (!WarmUp(call, std::chrono::milliseconds(5)) ||
                    !samples.TimeEach(kSamplesPerRound, call)) {
                    return std::unexpected(fmt::format("{}: the call failed", name));
                }
                return {};
            }};
}

std::vector<Operation> AllOperations(MemoryClient &client, std::span<std::byte> buffer) {
    std::vector<Operation> operations;
    operations.push_back(InDriver(client, "a buffer of 4 KiB", kMemoryBenchTimeBuffer));
    operations.push_back(InDriver(client, "a mapping", kMemoryBenchTimeMapping));
    operations.push_back(InDriver(client, "a part", kMemoryBenchTimePart));
    operations.push_back(InDriver(client, "a pooled buffer", kMemoryBenchTimePool));
    operations.push_back(FromApplication("a call with a reused 1 MiB", [&client, buffer] {
        EndWords seen;
        return client.Take(buffer, seen);
    }));
    operations.push_back(FromApplication("a descriptor of client memory", [&client, buffer] {
        EndWords seen;
        return client.Reach(buffer, MemoryClient::ReachMode::kShared, seen);
    }));
    return operations;
}

/// A crowd of live objects, and where what it does is told.
struct Crowd {
    MemoryBenchKept kind;
    uint64_t count;
    std::string key;
};

Result MeasureAll(std::vector<Operation> &operations, Samples Operation::*samples) {
    for (Operation &operation : operations) {
        if (Result done = operation.measure(operation.*samples); !done) {
            return done;
        }
    }
    return {};
}

Result MeasureCrowd(MemoryClient &client, const Crowd &crowd, std::vector<Operation> operations,
                    MemoryResults &results) {
    for (size_t round = 0; round < kRounds; ++round) {
        if (Result done = MeasureAll(operations, &Operation::alone); !done) {
            return done;
        }
        if (!client.Keep(crowd.kind, crowd.count)) {
            return std::unexpected(
                fmt::format("{}: the driver could not make {}", crowd.key, crowd.count));
        }
        if (Result done = MeasureAll(operations, &Operation::crowded); !done) {
            return done;
        }
        if (!client.Keep(crowd.kind, 0)) {
            return std::unexpected(fmt::format("{}: the driver could not end them", crowd.key));
        }
    }
    const auto worst = std::ranges::max_element(operations, {}, &Operation::Slowdown);
    results.figures[crowd.key] = worst->Slowdown();
    results.notes[crowd.key] = worst->name;
    return {};
}

Result MeasureCrowds(MemoryClient &client, MemoryResults &results) {
    auto buffers = FreshBuffers::Make(size_t{1} << 20, 1);
    if (!buffers) {
        return std::unexpected(std::move(buffers.error()));
    }
    const auto driver = FindDriverProcess();
    if (!driver) {
        return std::unexpected(driver.error());
    }
    const std::vector<Operation> operations = AllOperations(client, buffers->Fill(0, 1));
    std::vector<Operation> warm_up = operations;
    if (Result done = MeasureAll(warm_up, &Operation::alone); !done) {
        return done;
    }
    const ProcessHoldings before = HoldingsOf(*driver);
    const Crowd crowds[] = {
        {kMemoryBenchKeepBuffers, 10'000, "descriptors_10000_slowdown"},
        {kMemoryBenchKeepMappings, 1'000, "mappings_1000_slowdown"},
    };
    for (const Crowd &crowd : crowds) {
        if (Result done = MeasureCrowd(client, crowd, operations, results); !done) {
            return done;
        }
    }
    const ProcessHoldings after = HoldingsOf(*driver);
    const auto growth = [](uint64_t from, uint64_t to) {
        return static_cast<double>(to) - static_cast<double>(from);
    };
    results.figures["left_descriptors"] = growth(before.num_descriptors, after.num_descriptors);
    results.figures["left_mappings"] = growth(before.num_mappings, after.num_mappings);
    results.figures["left_resident_MiB"] =
        growth(before.num_resident_bytes, after.num_resident_bytes) / (1 << 20);
    return {};
}

Result MeasureAlone(MemoryClient &client, MemoryBenchOperation operation, uint64_t times_per_sample,
                    const std::string &key, double nanoseconds_per_unit, MemoryResults &results) {
    auto samples = client.Time(operation, times_per_sample, kSamplesPerRound);
    if (!samples) {
        return std::unexpected(std::move(samples.error()));
    }
    results.figures[key] = static_cast<double>(samples->Median()) /
                           static_cast<double>(times_per_sample) / nanoseconds_per_unit;
    return {};
}

}  // namespace

std::expected<void, std::string> MeasureDriverSide(MemoryClient &client, MemoryResults &results) {
    if (Result done = MeasureAlone(client, kMemoryBenchTimePool, 1000, "pool_cycle_ns", 1, results);
        !done) {
        return done;
    }
    if (Result done = MeasureAlone(client, kMemoryBenchTimeBuffer, 50,
                                   "create_range_release_4KiB_us", 1e3, results);
        !done) {
        return done;
    }
    return MeasureCrowds(client, results);
}

}  // namespace opendext::bench
