// SPDX-License-Identifier: Apache-2.0
/// @file client_memory.h
/// The memory of a user client's application, by the application's own addresses: what
/// IOUserClient::CreateMemoryDescriptorFromClient describes (semantics.md 2.9).
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <vector>

#include <DriverKit/IOMemoryDescriptor.h>

#include "runtime/memory/descriptor_factory.h"
#include "runtime/memory/retained.h"

namespace opendext::memory {

/// Ranges of an application's address space, and what is to be done with them.
struct ClientRanges {
    std::span<const IOAddressSegment> segments;  ///< In order. None is empty, none overflows.
    bool is_written = false;                     ///< They must be writable there.
    /// The application's own pages. Otherwise what they hold now, or the same pages if it makes sure that nobody
    /// sees later writes of the application; the driver's writes are kept from them here.
    bool is_shared = false;
};

/// The way to the memory of one application, for its own user client and for nobody else's: addresses mean
/// nothing elsewhere. Implemented above this room. Any thread, several at a time.
class ClientMemory {
public:
    virtual ~ClientMemory() = default;

    /// May wait for the application, as long as it lives. Called with no lock that anybody else waits for.
    /// @return the bytes in order, in as many slices as it takes, those that cannot be had without a region; or
    /// why there are none: the application is gone, memory is short.
    [[nodiscard]] virtual std::expected<std::vector<ClientSlice>, kern_return_t> Share(
        const ClientRanges &ranges) = 0;
};

/// A descriptor of ranges of `client`. Nobody is its creator. The application is asked when the memory is first
/// mapped or prepared for DMA, and again as long as it cannot be had: creating asks nothing.
/// @param segments any, also empty ones and none at all. Copied.
/// @param options kIOMemoryDirection* bits and kIOMemoryDisableCopyOnWrite; other bits are ignored.
/// @return NULL (kIOReturnNoMemory in the original) when a range or their sum overflows, when they have more pages
///         than the machine, or when memory is short.
[[nodiscard]] Retained<IOMemoryDescriptor> DescriptorFromClient(
    std::shared_ptr<ClientMemory> client, std::span<const IOAddressSegment> segments,
    uint64_t options);

}  // namespace opendext::memory
