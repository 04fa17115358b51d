// SPDX-License-Identifier: Apache-2.0
#include "backends/remote/staging_arena.h"

#include <algorithm>
#include <bit>
#include <ranges>
#include <utility>

namespace opendext::backends::remote {

std::shared_ptr<SharedRegion> StagingArena::Take(uint64_t num_bytes) {
    const uint64_t block_bytes = std::bit_ceil(std::max(num_bytes, kSmallestBlock));
    {
        const std::lock_guard lock(mutex_);
        const auto found = std::ranges::find(idle_.rbegin(), idle_.rend(), block_bytes,
                                             [](const auto &each) { return each->num_bytes(); });
        if (found != idle_.rend()) {
            std::shared_ptr<SharedRegion> block = std::move(*found);
            idle_.erase(std::next(found).base());
            num_idle_bytes_ -= block_bytes;
            return block;
        }
    }
    auto made = SharedRegion::Create(block_bytes, "opendext-usb-staging");
    return made && (*made)->Writable() != nullptr ? std::move(*made) : nullptr;
}

void StagingArena::Give(std::shared_ptr<SharedRegion> block) {
    std::vector<std::shared_ptr<SharedRegion>> given_up;  // ends after the lock
    const std::lock_guard lock(mutex_);
    num_idle_bytes_ += block->num_bytes();
    idle_.push_back(std::move(block));
    while (num_idle_bytes_ > kMostIdleBytes || idle_.size() > kMostIdleBlocks) {
        num_idle_bytes_ -= idle_.front()->num_bytes();
        given_up.push_back(std::move(idle_.front()));
        idle_.erase(idle_.begin());
    }
}

}  // namespace opendext::backends::remote
