// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "base/shared_region.h"

namespace opendext::backends::remote {

/// Shareable memory that bytes are copied through which are in no region, used again with its pages warm. One per
/// session, so that a server sees only what was sent to it. What is kept idle is bounded. Any thread.
class StagingArena {
public:
    static constexpr uint64_t kSmallestBlock = uint64_t{16} << 10;
    static constexpr uint64_t kMostIdleBytes = uint64_t{32} << 20;
    static constexpr size_t kMostIdleBlocks = 64;

    /// A region of at least `num_bytes`, mapped here, which one transfer has to itself. It holds whatever the last one
    /// left. NULL when there is no memory.
    [[nodiscard]] std::shared_ptr<SharedRegion> Take(uint64_t num_bytes);

    void Give(std::shared_ptr<SharedRegion> block);

private:
    std::mutex mutex_;
    std::vector<std::shared_ptr<SharedRegion>> idle_;  // guarded by mutex_; last used last
    uint64_t num_idle_bytes_ = 0;                      // guarded by mutex_
};

}  // namespace opendext::backends::remote
