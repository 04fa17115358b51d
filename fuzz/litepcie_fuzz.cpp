// SPDX-License-Identifier: Apache-2.0
// A driver that writes whatever the input says to the registers of a LitePCIe board, with descriptors that reach its
// memory or do not. What the registers promise must hold after every step.
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "backends/emulated/emulated_pci_backend.h"
#include "fuzz/fuzz_input.h"
#include "models/litepcie/litepcie_model.h"

namespace {

using namespace opendext::backends;
using opendext::FuzzInput;
using opendext::Require;
using namespace opendext::models;
using namespace opendext::models::litepcie;

constexpr uint32_t kChannels = 2;
constexpr uint32_t kAreaBytes = 16384;

struct Silent final : IommuFaultListener, InterruptSink {
    void OnIommuFault(const IommuFault &) override {}
    void OnInterrupt(InterruptVector vector) override { Require(vector == 0); }
};

class Session {
public:
    Session()
        : backend_(EmulatedPciBackend::Create(
                       std::make_unique<LitePcieModel>(LitePcieOptions{
                           .num_channels = kChannels, .bases = LitePcieBases::For(kChannels)}))
                       .value()) {
        backend_->Dma().SetFaultListener(&silent_);
        const HostSpan piece{.address = host_.data(), .num_bytes = host_.size()};
        host_iova_ =
            static_cast<uint32_t>(backend_->Dma()
                                      .Map({.pieces = std::span(&piece, 1), .max_address_bits = 32})
                                      .value()
                                      .value);
        backend_->WriteConfig(pci::kCommand, AccessWidth::k16,
                              pci::kCommandMemory | pci::kCommandBusMaster);
        Require(backend_->AllocateVectors(InterruptKind::kMsi, 1).has_value());
        Require(backend_->ConnectVector(0, &silent_).has_value());
    }

    void Step(FuzzInput &input) {
        const uint32_t operation = input.Take(1);
        const uint32_t direction =
            kDmaBase + (operation >> 6 & 1) * kBlockSpacing + (operation >> 7) * kDmaReader;
        switch (operation % 8) {
            case 0:
            case 1:
                return PushDescriptor(direction, input);
            case 2:
                return WriteDirection(direction, input);
            case 3:
                return Write(kMsiBase + kBlockSpacing + input.Take(1) % 4 * 4, input.Take(1));
            case 4:
                return Write(input.Take(2) & 0x3FFC, input.Take(4));  // below the DMA blocks
            case 5:
                return Write(direction + kDmaEnable, input.Take(1) & 1);
            case 6:
                return Write(kCtrlBase + kCtrlReset, input.Take(1));
            default:
                return Disturb(input.Take(1));
        }
    }

    void Check() {
        for (uint32_t channel = 0; channel < kChannels; ++channel) {
            const uint32_t block = kDmaBase + channel * kBlockSpacing;
            Require(Read(block + kDmaWriter + kDmaTableLevel) <= kTableDepth);
            Require(Read(block + kDmaReader + kDmaTableLevel) <= kTableDepth);
            Require(Read(block + kDmaReaderFifoStatus) <= 64 << 10);
        }
    }

private:
    uint32_t Read(uint32_t offset) {
        const auto value = static_cast<uint32_t>(backend_->ReadMemory(0, offset, AccessWidth::k32));
        return value == ~0U ? 0 : value;  // memory space is off
    }
    void Write(uint32_t offset, uint32_t value) {
        backend_->WriteMemory(0, offset, AccessWidth::k32, value);
    }
    // Not what adds a descriptor: see PushDescriptor.
    void WriteDirection(uint32_t direction, FuzzInput &input) {
        constexpr std::array kOffsets = {kDmaTableLoopProgN, kDmaTableReset, kDmaTableLoopStatus,
                                         kDmaTableLevel};
        Write(direction + kOffsets[input.Take(1) % kOffsets.size()], input.Take(1));
        Write(direction / kBlockSpacing * kBlockSpacing + kDmaLoopbackEnable, input.Take(1) & 1);
    }
    // Each direction has memory of its own: two that share it would be a race of the driver's own.
    void PushDescriptor(uint32_t direction, FuzzInput &input) {
        const uint32_t number = (direction - kDmaBase) / kBlockSpacing * 2 +
                                ((direction - kDmaBase) % kBlockSpacing) / kDmaReader;
        const uint32_t flags = input.Take(1) << 24;
        const uint32_t inside = number * kAreaBytes + input.Take(2) % (kAreaBytes / 2);
        Write(direction + kDmaTableValueHigh, (input.Take(2) % (kAreaBytes / 2)) | flags);
        Write(direction + kDmaTableValueLow,
              flags >> 28 == 0xF ? input.Take(4) & 0xFFFF : host_iova_ + inside);
        Write(direction + kDmaTableWe, 0);
    }
    void Disturb(uint32_t what) {
        if (what % 4 == 0) {
            Require(backend_->Reset(PciResetKind::kHot).has_value());
            Require(Read(kDmaBase + kDmaEnable) == 0);
        }
        backend_->WriteConfig(pci::kCommand, AccessWidth::k16, what & 6);
    }

    // The board may be at work until the backend is gone.
    Silent silent_;
    std::array<std::byte, 2 * kChannels * kAreaBytes> host_{};
    uint32_t host_iova_ = 0;
    std::unique_ptr<EmulatedPciBackend> backend_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t num_bytes) {
    Session session;
    FuzzInput input(data, num_bytes);
    for (int steps = 0; !input.IsEmpty() && steps < 200; ++steps) {
        session.Step(input);
        session.Check();
    }
    return 0;
}
