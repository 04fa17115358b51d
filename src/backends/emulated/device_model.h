// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <mutex>
#include <span>
#include <string_view>

#include "backends/api/backend_error.h"
#include "backends/api/dma_address_space.h"
#include "backends/api/pci_types.h"
#include "backends/emulated/device_description.h"

namespace opendext::backends {

/// Why a transfer of the device did not happen. Nothing was moved.
enum class DmaError : uint8_t {
    kFault,    ///< Refused by the IOMMU or by the bus-master bit; already reported.
    kRemoved,  ///< The device is unplugged.
};

/// What became of a message interrupt.
enum class InterruptOutcome : uint8_t {
    kDelivered,
    kPending,  ///< Masked: goes out once, when it is unmasked.
    kDropped,  ///< Not enabled, bus master off, or nobody connected.
};

/// What a model can do to the world: the device's side of the slot. Implemented by the backend; thread-safe
/// and valid from Attach until the model's destructor has returned.
class DevicePort {
public:
    virtual ~DevicePort() = default;

    /// Fills `destination` from host memory at `iova`. All or nothing.
    [[nodiscard]] virtual std::expected<void, DmaError> DmaRead(
        IovaAddress iova, std::span<std::byte> destination) = 0;

    /// Moves `source` to host memory at `iova`. All or nothing.
    [[nodiscard]] virtual std::expected<void, DmaError> DmaWrite(
        IovaAddress iova, std::span<const std::byte> source) = 0;

    /// Sends the MSI-X or MSI message of `vector`, whichever software has enabled. With fewer MSI vectors
    /// enabled than the device has, the number is folded into those. Neither enabled: dropped.
    virtual InterruptOutcome RaiseInterrupt(InterruptVector vector) = 0;

    /// Asserts or releases the interrupt pin, for a device used without messages.
    virtual void SetInterruptLine(bool asserted) = 0;

    /// The bytes of a RAM BAR; empty when the BAR is none.
    [[nodiscard]] virtual std::span<std::byte> BarMemory(uint8_t bar_index) = 0;
};

/// A software PCI device. Write one by deriving: describe the configuration space, answer register accesses,
/// use the port for DMA and interrupts. The backend that it is given to owns it.
///
/// Threads: ReadRegister, WriteRegister and Reset run on the thread of whoever accesses the device, one at a
/// time, with mutex() held. A model may own threads; they take mutex() to touch the registers, and the
/// model's destructor ends them. DMA may be done with or without mutex(); a long transfer without.
class PciDeviceModel {
public:
    virtual ~PciDeviceModel() = default;
    PciDeviceModel(const PciDeviceModel &) = delete;
    PciDeviceModel &operator=(const PciDeviceModel &) = delete;

    /// The name in the catalog and in log lines.
    [[nodiscard]] virtual std::string_view Name() const = 0;

    /// What configuration space announces. Called once, first.
    [[nodiscard]] virtual BackendResult<PciDeviceDescription> Describe() const = 0;

    /// The device is in its slot. Called once, before any register access; threads may start here.
    virtual void Attach(DevicePort &port) = 0;

    /// A read inside a register BAR; the range and the enable bits are checked, the alignment is not.
    [[nodiscard]] virtual uint64_t ReadRegister(uint8_t bar_index, uint64_t offset,
                                                AccessWidth width) = 0;

    /// As ReadRegister. `value` has no bits above the width.
    virtual void WriteRegister(uint8_t bar_index, uint64_t offset, AccessWidth width,
                               uint64_t value) = 0;

    /// Returns every register to its initial value and stops reaching memory: on return no transfer is under
    /// way and none will start by itself. May wait with `lock`, which holds mutex(). Contents of RAM stay.
    virtual void Reset(std::unique_lock<std::mutex> &lock) = 0;

    /// Serialises the callbacks.
    [[nodiscard]] std::mutex &mutex() { return mutex_; }

protected:
    PciDeviceModel() = default;

private:
    std::mutex mutex_;
};

}  // namespace opendext::backends
