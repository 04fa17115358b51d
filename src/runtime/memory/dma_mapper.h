// SPDX-License-Identifier: Apache-2.0
/// @file dma_mapper.h
/// The seam between IODMACommand and the family whose device does the DMA. A family registers a mapper for
/// each of its device objects; IODMACommand::Create looks it up.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <span>

#include <DriverKit/IOReturn.h>

#include "base/shared_region.h"

class OSObject;

namespace opendext::memory {

/// Bytes of this process that the device shall reach. They stay mapped at `address`, and `region` stays there,
/// until the mapping is ended. The device must respect the direction: `address` may be of read-only pages.
struct DmaPiece {
    std::byte *address = nullptr;
    uint64_t num_bytes = 0;
    SharedRegion *region = nullptr;  ///< The shared memory behind it, or NULL.
    uint64_t region_offset = 0;      ///< Where `address` lies in `region`.
};

struct DmaMapRequest {
    /// Made contiguous for the device in this order. Each but the first starts on a page, each but the last
    /// ends on one.
    std::span<const DmaPiece> pieces;
    /// kIOMemoryDirection bits: Out lets the device read, In lets it write; never None.
    uint64_t direction = 0;
    uint8_t max_address_bits = 0;  ///< All addresses below 2^bits; 0: no limit.
    /// Names the preparation: give it to DescribePreparation (dma_journal.h) when an access is refused.
    uint64_t tag = 0;
};

/// Implemented by a family. Any thread; no call waits for a driver. It may outlive the device: then
/// MapForDma fails and UnmapFromDma does nothing.
class DmaMapper {
public:
    virtual ~DmaMapper() = default;

    /// Lets the device reach exactly the bytes of `request`. @return the device's address of the first byte;
    /// kIOReturnMessageTooLarge (no address below the limit), kIOReturnNoResources, kIOReturnOffline (the
    /// device is gone).
    [[nodiscard]] virtual std::expected<uint64_t, kern_return_t> MapForDma(
        const DmaMapRequest &request) = 0;

    /// Ends a mapping: what MapForDma returned and its total length. On return the device no longer reaches
    /// the memory.
    virtual void UnmapFromDma(uint64_t device_address, uint64_t num_bytes) = 0;
};

/// From now on IODMACommand::Create(device) uses `mapper`, in place of an earlier one. `device` is only a
/// name here: unregister it before it is freed.
void RegisterDmaMapper(const OSObject *device, std::shared_ptr<DmaMapper> mapper);

/// Existing commands keep the mapper.
void UnregisterDmaMapper(const OSObject *device);

/// NULL when the device has none.
[[nodiscard]] std::shared_ptr<DmaMapper> FindDmaMapper(const OSObject *device);

}  // namespace opendext::memory
