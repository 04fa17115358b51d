// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "backends/emulated/device_model.h"
#include "models/litepcie/dma_channel.h"
#include "models/litepcie/registers.h"

namespace opendext::models {

/// Where LiteX has put the blocks of a SoC; its csr.csv says so.
struct LitePcieBases {
    uint32_t ctrl = litepcie::kCtrlBase;
    uint32_t dna = litepcie::kDnaBase;
    uint32_t identifier = litepcie::kIdentifierBase;
    uint32_t leds = litepcie::kLedsBase;
    uint32_t dma = litepcie::kDmaBase;  ///< Of channel 0; the others follow at kBlockSpacing.
    uint32_t msi = litepcie::kMsiBase;
    uint32_t phy = litepcie::kPhyBase;
    uint32_t xadc = litepcie::kXadcBase;

    /// The default ones for `num_channels`.
    [[nodiscard]] static LitePcieBases For(uint32_t num_channels);
};

struct LitePcieOptions {
    uint16_t vendor_id = litepcie::kVendorId;
    uint16_t device_id = litepcie::kDeviceId;
    uint32_t num_channels = 1;  ///< 1 to kMaxChannels.
    bool has_64bit_addresses = false;
    uint64_t bytes_per_second = 1600ULL << 20;  ///< Of each direction; 0: as fast as memory goes.
    uint64_t dna = litepcie::kDnaDefault;
    LitePcieBases bases = LitePcieBases::For(1);
};

/// An FPGA board with a LiteX SoC and its LitePCIe core: control and status registers in BAR 0, DMA channels with
/// descriptor tables and loopback, MSI. docs/devices/litepcie.md is its manual.
class LitePcieModel final : public backends::PciDeviceModel, private litepcie::DmaChannelListener {
public:
    explicit LitePcieModel(LitePcieOptions options = {}) : options_(options) {}

    [[nodiscard]] std::string_view Name() const override { return "litepcie"; }
    [[nodiscard]] backends::BackendResult<backends::PciDeviceDescription> Describe() const override;
    void Attach(backends::DevicePort &port) override;
    [[nodiscard]] uint64_t ReadRegister(uint8_t bar_index, uint64_t offset,
                                        backends::AccessWidth width) override;
    void WriteRegister(uint8_t bar_index, uint64_t offset, backends::AccessWidth width,
                       uint64_t value) override;
    void Reset(std::unique_lock<std::mutex> &lock) override;

private:
    enum class BlockKind : uint8_t { kCtrl, kDna, kIdentifier, kLeds, kDma, kMsi, kPhy, kXadc };

    // A group of registers at its place.
    struct Block {
        BlockKind kind;
        uint32_t base;
        uint32_t num_bytes;
        uint32_t channel = 0;  // of kDma
    };

    // What a reset clears, apart from the channels.
    struct Registers {
        uint32_t scratch = litepcie::kScratchAfterReset;
        uint32_t leds = 0;
        uint32_t msi_enable = 0;
        uint32_t msi_vector = 0;
    };

    [[nodiscard]] std::vector<Block> Blocks() const;
    [[nodiscard]] std::optional<backends::BackendError> FindMisplacedBlock() const;
    [[nodiscard]] const Block *FindBlock(uint32_t offset) const;
    [[nodiscard]] uint32_t ReadWord(uint32_t offset) const;
    [[nodiscard]] uint32_t ReadIdentity(const Block &block, uint32_t offset) const;
    [[nodiscard]] uint32_t ReadState(const Block &block, uint32_t offset) const;
    void WriteWord(uint32_t offset, uint32_t value);
    void WriteCtrl(uint32_t offset, uint32_t value);
    void WriteMsi(uint32_t offset, uint32_t value);
    void OnDmaInterrupt(uint32_t bit) override;

    const LitePcieOptions options_;
    const std::vector<Block> blocks_ = Blocks();
    backends::DevicePort *port_ = nullptr;
    Registers registers_;                                          // guarded by mutex()
    std::vector<std::unique_ptr<litepcie::DmaChannel>> channels_;  // from Attach on
};

}  // namespace opendext::models
