// SPDX-License-Identifier: Apache-2.0
#include "backends/libusb/device_memory.h"

#include <algorithm>
#include <bit>
#include <iterator>

namespace opendext::backends {
namespace {

/// After a refusal, so many transfers lie in ordinary memory before the kernel is asked again.
constexpr uint32_t kSkippedAfterRefusal = 256;

}  // namespace

std::span<std::byte> DeviceMemory::Take(uint64_t num_bytes) {
    if (num_bytes < kFewestBytes || num_bytes > kMostBytes) {
        return {};
    }
    const size_t size = std::bit_ceil(num_bytes);
    // The warmest one.
    const auto found = std::find_if(idle_.rbegin(), idle_.rend(),
                                    [size](const Idle &idle) { return idle.block.size() == size; });
    if (found != idle_.rend()) {
        const std::span<std::byte> block = found->block;
        idle_.erase(std::next(found).base());
        return block;
    }
    if (num_to_skip_ != 0) {
        --num_to_skip_;
        return {};
    }
    // Blocks of other sizes are not given up before their time: those would come back the same way.
    if (num_held_ + size > kMostHeld) {
        TrimUnused();
    }
    if (num_held_ + size > kMostHeld) {
        return {};
    }
    std::byte *const memory = source_.MapMemory(size);
    if (memory == nullptr) {
        num_to_skip_ = kSkippedAfterRefusal;
        return {};
    }
    num_held_ += size;
    return {memory, size};
}

void DeviceMemory::GiveBack(std::span<std::byte> block) {
    if (!block.empty()) {
        idle_.push_back({.block = block, .since = Clock::now()});
    }
}

bool DeviceMemory::TrimUnused(Clock::time_point now) {
    const auto first_kept =
        std::ranges::find_if(idle_, [now](const Idle &idle) { return now - idle.since < kKept; });
    UnmapIdle(static_cast<size_t>(first_kept - idle_.begin()));
    return !idle_.empty();
}

bool DeviceMemory::MakeRoom() {
    const size_t count = idle_.size();
    UnmapIdle(count);
    num_to_skip_ = kSkippedAfterRefusal;
    return count != 0;
}

void DeviceMemory::UnmapIdle(size_t count) {
    const auto end = idle_.begin() + static_cast<ptrdiff_t>(count);
    for (auto each = idle_.begin(); each != end; ++each) {
        source_.UnmapMemory(each->block.data(), each->block.size());
        num_held_ -= each->block.size();
    }
    idle_.erase(idle_.begin(), end);
}

}  // namespace opendext::backends
