// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace opendext::backends {

/// Memory of the kernel's for one device, mapped here. No two calls at a time.
class DeviceMemorySource {
public:
    virtual ~DeviceMemorySource() = default;
    /// @return NULL: the kernel has none now, or none that this processor would read quickly.
    [[nodiscard]] virtual std::byte *MapMemory(size_t num_bytes) = 0;
    virtual void UnmapMemory(std::byte *memory, size_t num_bytes) = 0;
};

/// Where the data of a device's transfers lies while they are under way: memory of the kernel's, which it neither has to
/// take for each transfer nor to copy. It is copied here instead, to or from the driver's buffer. Blocks are powers of two,
/// used again, and given back when nobody has used them for a while: there are 16 MiB for all of user space. One thread
/// at a time.
class DeviceMemory {
public:
    using Clock = std::chrono::steady_clock;

    /// What is smaller is cheap to copy, whoever does it.
    static constexpr uint64_t kFewestBytes = 4096;
    static constexpr uint64_t kMostBytes = uint64_t{1} << 20;
    static constexpr uint64_t kMostHeld = uint64_t{4} << 20;
    static constexpr std::chrono::seconds kKept{2};

    explicit DeviceMemory(DeviceMemorySource &source) : source_(source) {}
    /// Every block is back.
    ~DeviceMemory() { UnmapIdle(idle_.size()); }
    DeviceMemory(const DeviceMemory &) = delete;
    DeviceMemory &operator=(const DeviceMemory &) = delete;

    /// A block for so many bytes, or empty: ordinary memory has to do.
    [[nodiscard]] std::span<std::byte> Take(uint64_t num_bytes);
    /// The block, whole; or an empty one.
    void GiveBack(std::span<std::byte> block);

    /// Unmaps what nobody has used for kKept. @return whether unused blocks are left.
    bool TrimUnused(Clock::time_point now = Clock::now());

    /// The kernel lacks memory: unmaps what is not in use, and takes none for a while.
    /// @return whether there was any.
    bool MakeRoom();

private:
    struct Idle {
        std::span<std::byte> block;
        Clock::time_point since;
    };

    /// The first ones, which were given back longest ago.
    void UnmapIdle(size_t count);

    DeviceMemorySource &source_;
    std::vector<Idle> idle_;  // as they were given back
    uint64_t num_held_ = 0;   // bytes, idle or not
    uint32_t num_to_skip_ = 0;
};

}  // namespace opendext::backends
