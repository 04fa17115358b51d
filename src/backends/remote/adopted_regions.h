// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>

#include "base/shared_region.h"
#include "base/unique_fd.h"

namespace opendext::backends::remote {

/// The regions that the client of one session has registered. Nothing of them is believed. The session's thread.
class AdoptedRegions {
public:
    /// Takes a descriptor. @return false when the id is 0 or known, the memory can shrink or is smaller than
    /// `num_bytes`, or there are more regions or bytes than a client may register.
    [[nodiscard]] bool Adopt(uint64_t id, UniqueFd fd, uint64_t num_bytes);

    /// Forgets a region; who uses it keeps it. @return false when it is unknown.
    [[nodiscard]] bool Drop(uint64_t id);

    /// NULL when it is unknown.
    [[nodiscard]] std::shared_ptr<SharedRegion> Find(uint64_t id) const;

private:
    std::unordered_map<uint64_t, std::shared_ptr<SharedRegion>> regions_;
    uint64_t num_bytes_ = 0;
};

}  // namespace opendext::backends::remote
