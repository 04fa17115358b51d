// SPDX-License-Identifier: Apache-2.0
/// @file descriptor_factory.h
/// Memory descriptors as other rooms make them and read them: for structures of an application, for a
/// device's ranges, and to hand a driver's memory to an application. All functions: any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <vector>

#include <DriverKit/IOMemoryDescriptor.h>

#include "base/shared_region.h"
#include "runtime/memory/input_pages.h"
#include "runtime/memory/retained.h"

namespace opendext::memory {

/// A descriptor of `length` bytes that another process shared. Nobody is its creator: with direction Out
/// every mapping is read-only.
/// @param slice the bytes; when its region is NULL, shorter than the slice says, or the slice is shorter than
///        `length`, the descriptor has its length all the same and mapping it fails with kIOReturnError, DMA
///        with kIOReturnCannotWire (semantics.md 1.9, 2.9).
/// @param direction kIOMemoryDirection* bits.
/// @return NULL when memory is short.
[[nodiscard]] Retained<IOMemoryDescriptor> DescriptorFromSlice(const SharedSlice &slice,
                                                               uint64_t direction, uint64_t length);

/// A descriptor of a structure that an application passes in, direction Out; else as DescriptorFromSlice.
/// @param bytes what mappings show.
/// @param pages what a device reaches, where it is not the same.
[[nodiscard]] Retained<IOMemoryDescriptor> DescriptorFromInput(const SharedSlice &bytes,
                                                               std::shared_ptr<InputPages> pages);

/// A run of a client's memory. `slice` starts and ends anywhere in its pages; `slice.region` NULL stands for
/// `slice.length` bytes that could not be had. `lease` is held until the descriptor is gone with all that stands
/// on it (mappings, parts, concatenations, preparations for DMA), then destroyed, on whichever thread that is
/// and under no lock of this room. It may be NULL.
struct ClientSlice {
    SharedSlice slice;
    std::shared_ptr<const void> lease;
};

/// Whether a driver's writes to a client's memory change the slices, or a copy of the page in the mapping that was
/// written to: then a page that was not written to still shows the slice as it is.
enum class ClientWrites : uint8_t { kReachTheSlices, kStayInTheMapping };

/// A descriptor of a client's memory that lies in several slices: one logical range, in their order
/// (semantics.md 2.9). Nobody is its creator. It is made whatever the slices are; a slice that is not within
/// its region counts as one that could not be had, and with one such nothing of the descriptor can be mapped
/// (kIOReturnError) or prepared (kIOReturnCannotWire). Slices of length 0 are skipped.
///
/// A slice that continues the one before in the same region makes one piece with it. Pieces that meet inside
/// a page are mapped each in pages of its own, as on the original: give bytes that are contiguous for the
/// client as such slices, or split them at pages.
/// @param direction kIOMemoryDirection* bits.
/// @param writes where what is written through a mapping goes. DMA and IODMACommand::PerformOperation reach the
///        slices themselves either way, as on the original. Memory whose writes stay cannot be shared again.
/// @return NULL (kIOReturnNoMemory in the original) when memory is short, the lengths overflow, or they are
///         more than the machine has memory.
[[nodiscard]] Retained<IOMemoryDescriptor> DescriptorFromSlices(
    std::vector<ClientSlice> slices, uint64_t direction,
    ClientWrites writes = ClientWrites::kReachTheSlices);

/// Memory of a device: a BAR.
struct DeviceMemory {
    std::span<std::byte> bytes;  ///< Where it is mapped in this process.
    std::shared_ptr<const void>
        bytes_keeper;  ///< Keeps it mapped there. May be NULL: mapped for ever.
    /// The same bytes as shared memory: then they can be mapped at other addresses, read-only, and into
    /// applications. `region` NULL: they cannot, and such requests fail.
    SharedSlice shared;
};

/// A descriptor of a device's memory, direction InOut, no creator.
/// @return NULL when memory is short.
[[nodiscard]] Retained<IOMemoryDescriptor> DescriptorFromDeviceMemory(const DeviceMemory &memory);

/// The bytes behind a descriptor, to be mapped by an application: the whole descriptor with its current
/// length, any offset in the first page kept. In order; each slice but the first starts on a page, each but the last
/// ends on one, so that they can be mapped one after another (semantics.md 1.7, 2.8). The slices keep the
/// memory alive, not the descriptor. May wait for the application whose memory it is, as a mapping would.
/// @return kIOReturnBadArgument (NULL); kIOReturnVMError (length 0, or no memory there); kIOReturnUnsupported
///         (memory of a device that cannot be shared, a file or a copy of an application's, pieces that do not lie so).
[[nodiscard]] std::expected<std::vector<SharedSlice>, kern_return_t> ShareDescriptorPieces(
    const IOMemoryDescriptor *memory);

}  // namespace opendext::memory
