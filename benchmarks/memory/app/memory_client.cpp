// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/memory/app/memory_client.h"

#include <cstring>
#include <vector>

#include <fmt/format.h>

namespace opendext::bench {

namespace {

// Of IOUserClient::CreateMemoryDescriptorFromClient, which applications do not see.
constexpr uint64_t kDirectionOut = 2;
constexpr uint64_t kDirectionInOut = 3;
constexpr uint64_t kDisableCopyOnWrite = 0x10;

}  // namespace

EndWords EndWords::Of(std::span<const std::byte> bytes) {
    EndWords ends;
    std::memcpy(&ends.first, bytes.data(), sizeof(ends.first));
    std::memcpy(&ends.last, bytes.last(sizeof(ends.last)).data(), sizeof(ends.last));
    return ends;
}

std::expected<MemoryClient, std::string> MemoryClient::Open() {
    auto connection = Connection::Open("MemoryBenchService");
    if (!connection) {
        return std::unexpected(std::move(connection.error()));
    }
    return MemoryClient(*std::move(connection));
}

bool MemoryClient::Send(MemoryBenchSelector selector, uint32_t num_outputs,
                        std::span<const std::byte> buffer, EndWords &ends) {
    uint64_t words[3] = {};
    uint32_t num_words = num_outputs;
    const kern_return_t status =
        IOConnectCallMethod(connection_.get(), selector, nullptr, 0, buffer.data(), buffer.size(),
                            words, &num_words, nullptr, nullptr);
    ends = {static_cast<uint32_t>(words[0]), static_cast<uint32_t>(words[1])};
    return status == kIOReturnSuccess && num_words == num_outputs;
}

bool MemoryClient::Take(std::span<const std::byte> buffer, EndWords &ends) {
    return Send(kMemoryBenchTake, 2, buffer, ends);
}

bool MemoryClient::Sum(std::span<const std::byte> buffer, EndWords &ends) {
    return Send(kMemoryBenchSum, 3, buffer, ends);
}

bool MemoryClient::Give(std::span<std::byte> buffer, uint32_t word, bool fills) {
    const uint64_t arguments[] = {word, fills ? 1U : 0U};
    size_t num_bytes = buffer.size();
    const kern_return_t status =
        IOConnectCallMethod(connection_.get(), kMemoryBenchGive, arguments, 2, nullptr, 0, nullptr,
                            nullptr, buffer.data(), &num_bytes);
    return status == kIOReturnSuccess && num_bytes == buffer.size();
}

bool MemoryClient::Reach(std::span<std::byte> buffer, ReachMode mode, EndWords &ends) {
    const uint64_t arguments[] = {
        reinterpret_cast<uint64_t>(buffer.data()), buffer.size(),
        mode == ReachMode::kShared ? kDirectionInOut | kDisableCopyOnWrite : kDirectionOut};
    uint64_t words[2] = {};
    uint32_t num_words = 2;
    const kern_return_t status = IOConnectCallScalarMethod(connection_.get(), kMemoryBenchReach,
                                                           arguments, 3, words, &num_words);
    ends = {static_cast<uint32_t>(words[0]), static_cast<uint32_t>(words[1])};
    return status == kIOReturnSuccess && num_words == 2;
}

bool MemoryClient::Keep(MemoryBenchKept kind, uint64_t count) {
    const uint64_t arguments[] = {kind, count};
    return IOConnectCallScalarMethod(connection_.get(), kMemoryBenchKeep, arguments, 2, nullptr,
                                     nullptr) == kIOReturnSuccess;
}

std::expected<Samples, std::string> MemoryClient::Time(MemoryBenchOperation operation,
                                                       uint64_t times_per_sample,
                                                       size_t num_samples) {
    const uint64_t arguments[] = {operation, times_per_sample};
    std::vector<uint64_t> nanoseconds(num_samples);
    size_t num_bytes = num_samples * sizeof(uint64_t);
    const kern_return_t status =
        IOConnectCallMethod(connection_.get(), kMemoryBenchTime, arguments, 2, nullptr, 0, nullptr,
                            nullptr, nanoseconds.data(), &num_bytes);
    if (status != kIOReturnSuccess || num_bytes != num_samples * sizeof(uint64_t)) {
        return std::unexpected(fmt::format("operation {} in the driver failed: {:#x}",
                                           static_cast<int>(operation),
                                           static_cast<uint32_t>(status)));
    }
    Samples samples;
    samples.Append(nanoseconds);
    return samples;
}

}  // namespace opendext::bench
