// SPDX-License-Identifier: Apache-2.0
#include "channel/transport/peer_regions.h"

#include <utility>

#include "channel/wire/call_slot.h"

namespace opendext::channel {

bool PeerRegions::Adopt(uint64_t region_id, UniqueFd fd, uint64_t num_bytes) {
    auto region = SharedRegion::Adopt(std::move(fd), num_bytes, CutShort::kMaybe);
    if (!region || region_id == 0) {
        return false;
    }
    const std::lock_guard lock(mutex_);
    return regions_.size() < kMaxRegions && regions_.emplace(region_id, std::move(*region)).second;
}

void PeerRegions::Drop(uint64_t region_id) {
    const std::lock_guard lock(mutex_);
    regions_.erase(region_id);
}

std::optional<SharedSlice> PeerRegions::Resolve(const WireSlice &slice) {
    if (slice.region_id == 0) {
        return slice.length != 0
                   ? std::optional(SharedSlice{.region = nullptr, .length = slice.length})
                   : std::nullopt;
    }
    const std::lock_guard lock(mutex_);
    const auto found = regions_.find(slice.region_id);
    if (found == regions_.end() || !SliceIsValid(slice, found->second->num_bytes())) {
        return std::nullopt;
    }
    return SharedSlice{.region = found->second, .offset = slice.offset, .length = slice.length};
}

}  // namespace opendext::channel
