// SPDX-License-Identifier: Apache-2.0
#include "backends/remote/adopted_regions.h"

#include <utility>

#include "backends/remote/session_wire.h"

namespace opendext::backends::remote {

bool AdoptedRegions::Adopt(uint64_t id, UniqueFd fd, uint64_t num_bytes) {
    if (id == 0 || regions_.size() >= kMostRegions || num_bytes > kMostRegionBytes - num_bytes_) {
        return false;
    }
    auto region = SharedRegion::Adopt(std::move(fd), num_bytes, CutShort::kMaybe);
    if (!region || !regions_.emplace(id, std::move(*region)).second) {
        return false;
    }
    num_bytes_ += num_bytes;
    return true;
}

bool AdoptedRegions::Drop(uint64_t id) {
    const auto found = regions_.find(id);
    if (found == regions_.end()) {
        return false;
    }
    num_bytes_ -= found->second->num_bytes();
    regions_.erase(found);
    return true;
}

std::shared_ptr<SharedRegion> AdoptedRegions::Find(uint64_t id) const {
    const auto found = regions_.find(id);
    return found != regions_.end() ? found->second : nullptr;
}

}  // namespace opendext::backends::remote
