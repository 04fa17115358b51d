// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "backends/api/backend_error.h"
#include "backends/api/pci_types.h"
#include "base/shared_region.h"

namespace opendext::backends {

/// An address as the device sees it. Never to be dereferenced.
struct IovaAddress {
    uint64_t value = 0;

    auto operator<=>(const IovaAddress &) const = default;
};

/// What the device does to the memory: bits. An IOMemoryDescriptor of direction Out is read by the device,
/// one of direction In is written by it.
enum class DmaAccess : uint8_t { kRead = 1, kWrite = 2, kReadWrite = 3 };

[[nodiscard]] constexpr bool Allows(DmaAccess granted, DmaAccess wanted) {
    return (static_cast<uint8_t>(granted) & static_cast<uint8_t>(wanted)) ==
           static_cast<uint8_t>(wanted);
}

/// A piece of this process's memory to be reached by a device. The memory stays mapped, and a region that is
/// named stays there, until the piece is unmapped from the device.
struct HostSpan {
    std::byte *address = nullptr;
    uint64_t num_bytes = 0;
    SharedRegion *region =
        nullptr;  ///< The memory behind it, for a device in another process, or NULL.
    uint64_t region_offset = 0;  ///< Where `address` lies in `region`.
};

struct DmaMapRequest {
    /// Made contiguous for the device in this order. The device sees pages: each piece but the first starts
    /// on a page, each but the last ends on one, else kNotAligned (map such pieces one by one).
    std::span<const HostSpan> pieces;
    DmaAccess access = DmaAccess::kReadWrite;
    uint8_t max_address_bits =
        64;               ///< Every byte gets an address below 2^max_address_bits; 0 means 64.
    uint64_t cookie = 0;  ///< The caller's name for the mapping: comes back in faults.
};

enum class IommuFaultReason : uint8_t {
    kNotMapped,          ///< Nothing was ever mapped there (or it is long ago).
    kUsedAfterUnmap,     ///< The mapping that was there has been ended.
    kOutOfRange,         ///< Partly outside a mapping, or outside of it by less than a page.
    kWrongDirection,     ///< The mapping does not grant this access.
    kBusMasterDisabled,  ///< The command register does not let the device reach memory.
};

/// One access of the device that was refused; nothing was moved.
struct IommuFault {
    PciAddress device;
    IovaAddress iova;
    uint64_t num_bytes = 0;
    DmaAccess access = DmaAccess::kRead;
    IommuFaultReason reason = IommuFaultReason::kNotMapped;
    /// The mapping concerned, or the nearest within the guard distance: its cookie and range, as it is or was.
    /// 0 bytes when there is none.
    uint64_t mapping_cookie = 0;
    IovaAddress mapping_iova;
    uint64_t mapping_num_bytes = 0;
};

/// "device 00:04.0: DMA write of 64 bytes at 0x1000 refused: ..." in one line.
[[nodiscard]] std::string Describe(const IommuFault &fault);

/// Told of refused accesses, so that the runtime can name who prepared or completed the memory.
class IommuFaultListener {
public:
    virtual ~IommuFaultListener() = default;

    /// Called on the device's thread, one call at a time, after the access was refused. Does not call
    /// SetFaultListener.
    virtual void OnIommuFault(const IommuFault &fault) = 0;
};

/// The addresses that one device can reach: its view through an IOMMU. Thread-safe.
class DmaAddressSpace {
public:
    virtual ~DmaAddressSpace() = default;

    /// Lets the device reach `request.pieces` as one contiguous range. The low bits of the address, within
    /// a page, are those of the memory.
    /// @return kInvalidArgument (nothing to map, NULL, overflow), kNotAligned, kAddressTooWide (no room
    /// below the limit), kNoResources.
    [[nodiscard]] virtual BackendResult<IovaAddress> Map(const DmaMapRequest &request) = 0;

    /// Ends a mapping: exactly the range that Map made. Returns after accesses that are under way have
    /// ended; then the device no longer reaches the memory.
    /// @return kNotFound when no mapping has that start and length.
    [[nodiscard]] virtual BackendResult<void> Unmap(IovaAddress iova, uint64_t num_bytes) = 0;

    /// How many address bits the device can form at most.
    [[nodiscard]] virtual uint8_t MaxAddressBits() const = 0;

    /// The receiver of faults, or NULL. On return no call to the former one is under way. With none, faults
    /// go to the log.
    virtual void SetFaultListener(IommuFaultListener *listener) = 0;
};

}  // namespace opendext::backends
