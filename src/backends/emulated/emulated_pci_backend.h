// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "backends/api/pci_backend.h"
#include "backends/emulated/device_model.h"
#include "backends/emulated/emulated_iommu.h"
#include "backends/emulated/interrupt_logic.h"

namespace opendext::backends {

/// A PCI slot with a device model in it: configuration space, decoding, interrupts, IOMMU and removal as on
/// hardware. At creation firmware has been here: the BARs have addresses, everything else has its initial
/// value (command register 0). Thread-safe; see PciDeviceModel for what runs where.
class EmulatedPciBackend final : public PciBackend, private DevicePort {
public:
    /// Puts `model` in the slot at `address`.
    /// @return what the model's Describe refused with.
    [[nodiscard]] static BackendResult<std::unique_ptr<EmulatedPciBackend>> Create(
        std::unique_ptr<PciDeviceModel> model,
        PciAddress address = {.bus = 0, .device = 4, .function = 0});

    ~EmulatedPciBackend() override;
    EmulatedPciBackend(const EmulatedPciBackend &) = delete;
    EmulatedPciBackend &operator=(const EmulatedPciBackend &) = delete;

    /// Pulls the device out: interrupts stop, its DMA ends, every read is all ones (RAM BARs are filled with
    /// ones), then the removal listener is told. A second call does nothing. Not to be
    /// called by the model.
    void Unplug();

    [[nodiscard]] EmulatedIommu &iommu() { return iommu_; }
    [[nodiscard]] PciDeviceModel &model() { return *model_; }

    [[nodiscard]] PciAddress Address() const override { return address_; }
    [[nodiscard]] bool IsPresent() const override {
        return !removed_.load(std::memory_order_acquire);
    }
    [[nodiscard]] uint32_t ReadConfig(uint32_t offset, AccessWidth width) override;
    void WriteConfig(uint32_t offset, AccessWidth width, uint32_t value) override;
    [[nodiscard]] std::span<const MemoryRange> MemoryRanges() const override { return ranges_; }
    [[nodiscard]] uint64_t ReadMemory(uint32_t memory_index, uint64_t offset,
                                      AccessWidth width) override;
    void WriteMemory(uint32_t memory_index, uint64_t offset, AccessWidth width,
                     uint64_t value) override;
    [[nodiscard]] BackendResult<DirectMapping> MapDirect(uint32_t memory_index) override;
    [[nodiscard]] uint32_t VectorCount(InterruptKind kind) const override;
    [[nodiscard]] BackendResult<void> AllocateVectors(InterruptKind kind, uint32_t count) override;
    void ReleaseVectors() override;
    [[nodiscard]] BackendResult<void> ConnectVector(InterruptVector vector,
                                                    InterruptSink *sink) override;
    void DisconnectVector(InterruptVector vector) override;
    void MaskVector(InterruptVector vector, bool masked) override;
    [[nodiscard]] DmaAddressSpace &Dma() override { return iommu_; }
    [[nodiscard]] BackendResult<void> Reset(PciResetKind kind) override;
    [[nodiscard]] BackendResult<void> SetLinkSpeed(uint8_t generation, bool retrain) override;
    void SetRemovalListener(RemovalListener *listener) override;

private:
    static constexpr uint8_t kMaxLinkGeneration = 5;

    // What answers in one range; fixed after creation.
    struct Decoder {
        MemoryRange range;
        std::byte *memory = nullptr;  // a RAM BAR's bytes
        bool has_msix = false;        // table and pending bits lie inside
    };

    EmulatedPciBackend(std::unique_ptr<PciDeviceModel> model, PciAddress address,
                       PciDeviceDescription description);
    [[nodiscard]] BackendResult<void> MapRam();
    void AssignAddresses();

    // The decoder that answers an access, or NULL.
    [[nodiscard]] const Decoder *Decode(uint32_t memory_index, uint64_t offset,
                                        AccessWidth width) const;
    [[nodiscard]] bool IsFlrRequest(uint32_t offset, AccessWidth width, uint32_t value) const;
    void UpdateGates();  // with state_mutex_ held
    void ResetDevice(PciResetKind kind);
    void ShowLinkSpeed();  // with state_mutex_ held
    [[nodiscard]] std::expected<void, DmaError> CheckMayMaster(IovaAddress iova, uint64_t num_bytes,
                                                               DmaAccess access);

    // DevicePort
    [[nodiscard]] std::expected<void, DmaError> DmaRead(IovaAddress iova,
                                                        std::span<std::byte> destination) override;
    [[nodiscard]] std::expected<void, DmaError> DmaWrite(
        IovaAddress iova, std::span<const std::byte> source) override;
    InterruptOutcome RaiseInterrupt(InterruptVector vector) override;
    void SetInterruptLine(bool asserted) override;
    [[nodiscard]] std::span<std::byte> BarMemory(uint8_t bar_index) override;

    const PciAddress address_;
    mutable std::mutex state_mutex_;
    PciDeviceDescription
        description_;             // its config is guarded by state_mutex_; the rest never changes
    uint8_t max_link_speed_ = 0;  // of the device; 0: no PCI Express
    uint8_t link_limit_ = kMaxLinkGeneration;  // of the port; guarded by state_mutex_
    uint8_t link_speed_ = 0;                   // as trained; guarded by state_mutex_
    std::vector<MemoryRange> ranges_;
    std::vector<Decoder> decoders_;
    InterruptLogic interrupts_;
    EmulatedIommu iommu_;

    // Copies of the enable bits that the fast paths read without the lock: written under state_mutex_.
    std::atomic<bool> memory_enabled_{false};
    std::atomic<bool> io_enabled_{false};
    std::atomic<bool> rom_enabled_{false};
    std::atomic<bool> bus_master_enabled_{false};
    std::atomic<bool> removed_{false};

    std::mutex listener_mutex_;
    RemovalListener *listener_ = nullptr;  // guarded by listener_mutex_
    bool removal_is_complete_ = false;     // guarded by listener_mutex_

    // Last, so that its threads end before what they use.
    std::unique_ptr<PciDeviceModel> model_;
};

}  // namespace opendext::backends
