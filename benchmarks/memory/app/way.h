// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "benchmarks/memory/app/memory_client.h"
#include "benchmarks/memory/app/vm_reader.h"

namespace opendext::bench {

/// One way of an application's memory to somebody else, or back. One thread.
class Way {
public:
    virtual ~Way() = default;
    Way(const Way &) = delete;
    Way &operator=(const Way &) = delete;

    /// Of AllWays().
    [[nodiscard]] std::string_view key() const { return key_; }

    /// Whether the application writes to the buffer before it is moved.
    [[nodiscard]] bool is_stamped() const { return is_stamped_; }

    /// How many are timed together: more than 1 for what the clock is too slow for.
    [[nodiscard]] virtual size_t MovesPerSample(size_t /*num_bytes*/) const { return 1; }

    /// Gets ready for buffers of a size. @return false when that failed.
    [[nodiscard]] virtual bool Prepare(size_t /*num_bytes*/) { return true; }

    /// Moves a buffer whose first and last word are `word` if it is stamped, and should become it otherwise. This is
    /// what is timed. @return false when that failed.
    [[nodiscard]] virtual bool Move(std::span<std::byte> buffer, uint32_t word) = 0;

    /// Whether the latest Move had the effect that it should have.
    [[nodiscard]] virtual bool HasArrived(std::span<const std::byte> buffer, uint32_t word) = 0;

protected:
    Way(std::string_view key, bool is_stamped) : key_(key), is_stamped_(is_stamped) {}

private:
    const std::string_view key_;
    const bool is_stamped_;
};

/// All ways that there are here: to the driver behind `client`, and those that it is compared with.
/// @param client, reader borrowed. @param fuse_file path of a MountFuseWriteFile; empty: there is none.
[[nodiscard]] std::vector<std::unique_ptr<Way>> MakeWays(MemoryClient &client, VmReader &reader,
                                                         const std::string &fuse_file);

}  // namespace opendext::bench
