// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <map>
#include <mutex>

#include "base/mapping.h"
#include "channel/wire/call.h"

namespace opendext::channel {

/// The driver's memory that one connection has mapped into the application (semantics.md 2.8). Any thread.
class ClientMappings {
public:
    /// Maps the grant's slices one after another; the same grant again gives the same address. `fixed_address` is
    /// NULL for anywhere.
    /// @return kIOReturnBadArgument when a slice does not lie in its region, two do not meet at a page, or the
    /// address is taken or crooked.
    [[nodiscard]] std::expected<ClientMapping, int32_t> Map(const SharedMemoryGrant &grant,
                                                            std::byte *fixed_address);

    /// @return kIOReturnBadArgument when there is no such mapping.
    [[nodiscard]] int32_t Unmap(uint64_t grant_id);

    void UnmapAll();

private:
    struct Mapping {
        MappedRegion pages;
        ClientMapping view;
    };

    std::mutex mutex_;
    std::map<uint64_t, Mapping> mappings_;  // guarded by mutex_; by grant id
};

}  // namespace opendext::channel
