// SPDX-License-Identifier: Apache-2.0
/// @file device_access.h
/// The bytes of a descriptor for a device that reads and writes memory of this process by itself: a family hands
/// them to its backend, in place, without addresses of the device's own (that is DmaMapper).
#pragma once

#include <cstdint>
#include <expected>
#include <span>
#include <vector>

#include <DriverKit/IOMemoryDescriptor.h>

#include "runtime/memory/backing.h"
#include "runtime/memory/dma_mapper.h"
#include "runtime/memory/retained.h"

namespace opendext::memory {

/// What the device does to the memory.
enum class DeviceUse : uint8_t {
    kReads,   ///< The descriptor's direction is Out, InOut or None.
    kWrites,  ///< In, InOut or None.
};

/// A range of a descriptor as bytes of this process, as long as this object lives; it retains the descriptor. One
/// thread at a time.
class DeviceAccess {
public:
    /// No bytes.
    DeviceAccess() = default;

    /// May wait for the application whose memory it is: not to be called with a lock held.
    /// @return kIOReturnBadArgument (NULL, not within the current length, a direction that forbids the use),
    /// kIOReturnCannotWire (the memory is not there), kIOReturnVMError (no address space).
    [[nodiscard]] static std::expected<DeviceAccess, kern_return_t> Open(IOMemoryDescriptor *memory,
                                                                         uint64_t offset,
                                                                         uint64_t length,
                                                                         DeviceUse use);

    /// In order; none is empty.
    [[nodiscard]] std::span<const DmaPiece> pieces() const { return pieces_; }

private:
    Retained<IOMemoryDescriptor> memory_;
    std::vector<Extent> extents_;  // keep the regions and their leases
    std::vector<Window> windows_;  // keep the bytes mapped
    std::vector<DmaPiece> pieces_;
};

}  // namespace opendext::memory
