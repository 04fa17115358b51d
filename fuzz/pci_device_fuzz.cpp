// SPDX-License-Identifier: Apache-2.0
// A driver that does whatever the input says to the fpga-dma card: configuration and register accesses,
// descriptors, interrupts, resets, unplug. What PCI promises must hold after every step.
#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>

#include "backends/emulated/emulated_pci_backend.h"
#include "fuzz/fuzz_input.h"
#include "models/fpga_dma/fpga_dma_model.h"

namespace {

using namespace opendext::backends;
using opendext::FuzzInput;
using opendext::Require;
using namespace opendext::models;

struct Silent final : IommuFaultListener, InterruptSink {
    void OnIommuFault(const IommuFault &) override {}
    void OnInterrupt(InterruptVector vector) override { Require(vector < fpga_dma::kNumVectors); }
};

class Session {
public:
    Session()
        : backend_(EmulatedPciBackend::Create(
                       std::make_unique<FpgaDmaModel>(FpgaDmaOptions{.ram_bytes = 1 << 20}))
                       .value()) {
        backend_->Dma().SetFaultListener(&silent_);
        const HostSpan piece{.address = host_.data(), .num_bytes = host_.size()};
        host_iova_ = backend_->Dma().Map({.pieces = std::span(&piece, 1)}).value().value;
    }

    void Step(FuzzInput &input) {
        constexpr std::array kWidths = {AccessWidth::k8, AccessWidth::k16, AccessWidth::k32,
                                        AccessWidth::k64};
        const uint64_t operation = input.Take(1);
        const AccessWidth width = kWidths[operation >> 6];
        switch (operation % 12) {
            case 0:
                return CheckConfigRead(static_cast<uint32_t>(input.Take(2)), width);
            case 1:
                return backend_->WriteConfig(static_cast<uint32_t>(input.Take(2)), width,
                                             static_cast<uint32_t>(input.Take(4)));
            case 2:
                return CheckMemoryRead(input.Take(1) % 4, input.Take(3), width);
            case 3:
                return WriteMemory(input.Take(1) % 4, input.Take(3), width, input.Take(8));
            case 4:
                return WriteMemory(0, input.Take(1) & 0x7C, AccessWidth::k32, input.Take(4));
            case 5:
                return (void)backend_->AllocateVectors(
                    static_cast<InterruptKind>(input.Take(1) % 3),
                    static_cast<uint32_t>(input.Take(1)));
            case 6:
                return (void)backend_->ConnectVector(static_cast<uint32_t>(input.Take(1)),
                                                     &silent_);
            case 7:
                return backend_->DisconnectVector(static_cast<uint32_t>(input.Take(1)));
            case 8:
                return backend_->MaskVector(static_cast<uint32_t>(input.Take(1)),
                                            width == AccessWidth::k8);
            case 9:
                return RingDoorbell(input);
            case 10:
                return backend_->ReleaseVectors();
            default:
                return Disturb(input.Take(1));
        }
    }

private:
    void CheckConfigRead(uint32_t offset, AccessWidth width) {
        const uint32_t value = backend_->ReadConfig(offset, width);
        Require(backend_->ReadConfig(0, AccessWidth::k32) ==
                (backend_->IsPresent() ? 0x0FDA'1234U : 0xFFFF'FFFFU));
        if (offset >= 0x1000) {
            Require(value == static_cast<uint32_t>(AllOnes(width)));
        }
        uint32_t capability = backend_->ReadConfig(pci::kCapabilityPointer, AccessWidth::k8);
        for (int i = 0; backend_->IsPresent() && capability != 0; ++i) {
            Require(i < 48);
            capability = backend_->ReadConfig(capability + 1, AccessWidth::k8);
        }
        if (backend_->IsPresent()) {
            Require((backend_->ReadConfig(pci::kBar0 + 8, AccessWidth::k32) & 0xF) % 0xC == 0);
        }
    }

    void CheckMemoryRead(uint64_t index, uint64_t offset, AccessWidth width) {
        const bool enabled =
            (backend_->ReadConfig(pci::kCommand, AccessWidth::k16) & pci::kCommandMemory) != 0;
        const uint64_t value = backend_->ReadMemory(static_cast<uint32_t>(index), offset, width);
        Require((value & ~AllOnes(width)) == 0);
        if (!enabled || !backend_->IsPresent() || index > 1) {
            Require(value == AllOnes(width));
        }
    }

    void WriteMemory(uint64_t index, uint64_t offset, AccessWidth width, uint64_t value) {
        backend_->WriteMemory(static_cast<uint32_t>(index), offset, width, value);
    }

    void RingDoorbell(FuzzInput &input) {
        // Never while the card reads the list: that would be a race of the driver's own.
        if (backend_->IsPresent()) {
            // A model without a function reset refuses, and that is all.
            static_cast<void>(backend_->Reset(PciResetKind::kFunction).has_value());
        }
        backend_->WriteConfig(pci::kCommand, AccessWidth::k16,
                              pci::kCommandMemory | pci::kCommandBusMaster);
        const uint64_t count = input.Take(1) % 8;
        for (uint64_t i = 0; i < count; ++i) {
            const fpga_dma::Descriptor descriptor{
                .host_address = host_iova_ + input.Take(2),
                .card_address = input.Take(3),
                .num_bytes = static_cast<uint32_t>(input.Take(2)),
                .flags = static_cast<uint32_t>(input.Take(1) & 0xF),
                .reserved = 0,
            };
            __builtin_memcpy(host_.data() + i * sizeof descriptor, &descriptor, sizeof descriptor);
        }
        WriteMemory(0, fpga_dma::kRegControl, AccessWidth::k32, fpga_dma::kControlEnable);
        WriteMemory(0, fpga_dma::kRegListBaseLow, AccessWidth::k64, host_iova_);
        WriteMemory(0, fpga_dma::kRegListCount, AccessWidth::k64, count | 1ULL << 32);
    }

    void Disturb(uint64_t what) {
        if (what % 16 == 0) {
            backend_->Unplug();
        } else if (backend_->IsPresent()) {
            Require(backend_->Reset(what % 2 == 0 ? PciResetKind::kHot : PciResetKind::kFunction)
                        .has_value());
            Require(backend_->ReadConfig(pci::kCommand, AccessWidth::k16) == 0);
        }
    }

    // The card may be at work until the backend is gone.
    Silent silent_;
    std::array<std::byte, 16384> host_{};
    uint64_t host_iova_ = 0;
    std::unique_ptr<EmulatedPciBackend> backend_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t num_bytes) {
    Session session;
    FuzzInput input(data, num_bytes);
    for (int steps = 0; !input.IsEmpty() && steps < 200; ++steps) {
        session.Step(input);
    }
    return 0;
}
