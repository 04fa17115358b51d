// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "base/shared_region.h"
#include "channel/wire/memory_question.h"

namespace opendext::channel {

/// The memory that the application of one connection has registered. Nothing of it is believed. Any thread.
class PeerRegions {
public:
    /// What an application may have registered at a time; each costs a descriptor here.
    static constexpr size_t kMaxRegions = 1024;

    /// Takes a descriptor. @return false when the id is 0 or known, the memory can shrink or is smaller than
    /// `num_bytes`, or there are kMaxRegions.
    [[nodiscard]] bool Adopt(uint64_t region_id, UniqueFd fd, uint64_t num_bytes);

    /// Forgets a region; slices that the driver holds stay good. An unknown id is ignored.
    void Drop(uint64_t region_id);

    /// The slice that a private copy names. For region 0 it has no region.
    /// @return nullopt when there is no such region or range.
    [[nodiscard]] std::optional<SharedSlice> Resolve(const WireSlice &slice);

private:
    std::mutex mutex_;
    std::unordered_map<uint64_t, std::shared_ptr<SharedRegion>> regions_;  // guarded by mutex_
};

}  // namespace opendext::channel
