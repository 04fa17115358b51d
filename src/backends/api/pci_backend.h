// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "backends/api/backend_error.h"
#include "backends/api/dma_address_space.h"
#include "backends/api/interrupt_sink.h"
#include "backends/api/pci_types.h"
#include "backends/api/removal_listener.h"
#include "base/shared_region.h"

namespace opendext::backends {

/// A range of the device as plain memory of this process; valid until the backend is destroyed.
struct DirectMapping {
    std::byte *address = nullptr;
    uint64_t num_bytes = 0;
    /// The same bytes as shared memory, to be mapped elsewhere; `region` is NULL when the backend cannot
    /// hand them out that way.
    SharedSlice shared;
};

/// One PCI function, whatever stands behind it: a model in this process, Linux VFIO, a vfio-user server. The
/// family that drivers see is written against this interface alone; a new kind of device is a new
/// implementation. The creator owns it and destroys it after every listener and sink has been taken off.
/// Thread-safe. No call waits for a driver.
class PciBackend {
public:
    virtual ~PciBackend() = default;

    [[nodiscard]] virtual PciAddress Address() const = 0;

    /// False once the device is unplugged; never becomes true again.
    [[nodiscard]] virtual bool IsPresent() const = 0;

    // Configuration space: 0x000..0xFFF, little endian.

    /// `width` is at most 32 bits; any byte offset. Unplugged, or not wholly inside: all ones of the width.
    [[nodiscard]] virtual uint32_t ReadConfig(uint32_t offset, AccessWidth width) = 0;

    /// As ReadConfig; where that reads all ones, the write is dropped.
    virtual void WriteConfig(uint32_t offset, AccessWidth width, uint32_t value) = 0;

    // Memory and I/O ranges.

    /// The ranges in the order of their BAR number, the expansion ROM last. Never changes.
    [[nodiscard]] virtual std::span<const MemoryRange> MemoryRanges() const = 0;

    /// One read of the range at `memory_index`. All ones of the width when it is unplugged, when the
    /// command register does not enable the range, or when the access is not wholly inside it.
    [[nodiscard]] virtual uint64_t ReadMemory(uint32_t memory_index, uint64_t offset,
                                              AccessWidth width) = 0;

    /// As ReadMemory; where that reads all ones, the write is dropped.
    virtual void WriteMemory(uint32_t memory_index, uint64_t offset, AccessWidth width,
                             uint64_t value) = 0;

    /// The range as memory. Accesses through it do not see the command register. After an unplug reads give
    /// all ones. Every call for one range gives the same mapping.
    /// @return kNotFound (no such range), kUnsupported (registers, I/O), kNoResources, kRemoved.
    [[nodiscard]] virtual BackendResult<DirectMapping> MapDirect(uint32_t memory_index) = 0;

    // Interrupts. One kind at a time: allocate, connect the vectors wanted, disconnect, release.

    /// How many vectors the device has of a kind; 0 when it lacks it.
    [[nodiscard]] virtual uint32_t VectorCount(InterruptKind kind) const = 0;

    /// Takes `count` vectors of a kind, programs and enables its capability. All start disconnected.
    /// @return kInvalidArgument (0, more than VectorCount, MSI not a power of two), kUnsupported, kBusy
    /// (vectors are allocated already), kRemoved.
    [[nodiscard]] virtual BackendResult<void> AllocateVectors(InterruptKind kind,
                                                              uint32_t count) = 0;

    /// Disconnects all vectors and disables the capability. Nothing allocated: does nothing.
    virtual void ReleaseVectors() = 0;

    /// From now on interrupts of the vector go to `sink`, unmasked. What arrived before is lost for MSI
    /// and MSI-X; an asserted INTx line is delivered at once.
    /// @return kNotFound (not allocated), kBusy (already connected).
    [[nodiscard]] virtual BackendResult<void> ConnectVector(InterruptVector vector,
                                                            InterruptSink *sink) = 0;

    /// Takes the sink off. On return no call to it is under way. Not to be called from the sink. A vector
    /// that is not connected: does nothing.
    virtual void DisconnectVector(InterruptVector vector) = 0;

    /// Holds interrupts of the vector back, or lets them through again; one that came meanwhile is then
    /// delivered, once. An INTx vector masks itself at each delivery: unmask it when it has been served.
    virtual void MaskVector(InterruptVector vector, bool masked) = 0;

    // DMA, reset, removal.

    /// The device's view of memory. Lives as long as the backend.
    [[nodiscard]] virtual DmaAddressSpace &Dma() = 0;

    /// Resets the device and waits until it has stopped reaching memory. As on hardware, configuration
    /// registers return to their initial values (BARs and command register: 0): the caller saves and
    /// restores them. Connected vectors stay connected.
    /// @return kUnsupported (no function-level reset), kRemoved.
    [[nodiscard]] virtual BackendResult<void> Reset(PciResetKind kind) = 0;

    /// Limits the link to a generation of PCI Express, 1 to 5, in the port above the device. The link trains with
    /// it at once when `retrain`, else the next time: in a hot reset.
    /// @return kUnsupported (no PCI Express, or the port is not ours), kInvalidArgument, kRemoved.
    [[nodiscard]] virtual BackendResult<void> SetLinkSpeed(uint8_t generation, bool retrain) = 0;

    /// The receiver of the news of an unplug, or NULL. On return no call to the former one is under way. Told
    /// at once when the device is gone already. Not to be called from the listener.
    virtual void SetRemovalListener(RemovalListener *listener) = 0;
};

}  // namespace opendext::backends
