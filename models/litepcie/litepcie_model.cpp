// SPDX-License-Identifier: Apache-2.0
#include "models/litepcie/litepcie_model.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>

namespace opendext::models {

using backends::AccessWidth;
using namespace litepcie;

namespace {

constexpr std::string_view kIdentifier = "LiteX SoC with LitePCIe, modelled by OpenDext";
constexpr uint32_t kLedBits = 0xFF;

}  // namespace

LitePcieBases LitePcieBases::For(uint32_t num_channels) {
    LitePcieBases bases;
    for (uint32_t *behind : {&bases.msi, &bases.phy, &bases.xadc}) {
        *behind += (num_channels - 1) * kBlockSpacing;
    }
    return bases;
}

backends::BackendResult<backends::PciDeviceDescription> LitePcieModel::Describe() const {
    if (auto mistake = FindMisplacedBlock()) {
        return std::unexpected(std::move(*mistake));
    }
    return backends::PciDeviceBuilder(options_.vendor_id, options_.device_id, kClassCode)
        .Subsystem(options_.vendor_id, kSubsystemId)
        .RegisterBar(kRegisterBar, kRegisterBarBytes)
        .PowerManagement()
        .Msi({.num_vectors = 1, .is_64bit = false, .has_per_vector_mask = false})
        .PciExpress({.function_level_reset = false, .link_speed = 2, .link_width = 4})
        .Build();
}

std::vector<LitePcieModel::Block> LitePcieModel::Blocks() const {
    const LitePcieBases &bases = options_.bases;
    std::vector<Block> blocks = {
        {.kind = BlockKind::kCtrl, .base = bases.ctrl, .num_bytes = kCtrlBytes},
        {.kind = BlockKind::kDna, .base = bases.dna, .num_bytes = kDnaBytes},
        {.kind = BlockKind::kIdentifier, .base = bases.identifier, .num_bytes = kIdentifierBytes},
        {.kind = BlockKind::kLeds, .base = bases.leds, .num_bytes = kLedsBytes},
        {.kind = BlockKind::kMsi, .base = bases.msi, .num_bytes = kMsiBytes},
        {.kind = BlockKind::kPhy, .base = bases.phy, .num_bytes = kPhyBytes},
        {.kind = BlockKind::kXadc, .base = bases.xadc, .num_bytes = kXadcBytes},
    };
    for (uint32_t channel = 0; channel < options_.num_channels; ++channel) {
        blocks.push_back({.kind = BlockKind::kDma,
                          .base = bases.dma + channel * kBlockSpacing,
                          .num_bytes = kDmaBytes,
                          .channel = channel});
    }
    std::ranges::sort(blocks, {}, &Block::base);
    return blocks;
}

std::optional<backends::BackendError> LitePcieModel::FindMisplacedBlock() const {
    uint32_t free_from = 0;
    for (const Block &block : blocks_) {
        if (block.base % 4 != 0 || block.base < free_from ||
            block.base + block.num_bytes > kRegisterSpaceBytes) {
            return backends::BackendError{
                .code = backends::BackendErrorCode::kInvalidArgument,
                .message = fmt::format(
                    "litepcie: a block of registers at {:#x} overlaps another, ends above {:#x} or "
                    "is not aligned to 4; take the bases from the board's csr.csv",
                    block.base, kRegisterSpaceBytes)};
        }
        free_from = block.base + block.num_bytes;
    }
    return std::nullopt;
}

void LitePcieModel::Attach(backends::DevicePort &port) {
    port_ = &port;
    for (uint32_t number = 0; number < options_.num_channels; ++number) {
        channels_.push_back(std::make_unique<DmaChannel>(
            mutex(), port, static_cast<DmaChannelListener &>(*this),
            DmaChannelOptions{.number = number,
                              .has_64bit_addresses = options_.has_64bit_addresses,
                              .bytes_per_second = options_.bytes_per_second}));
    }
}

uint64_t LitePcieModel::ReadRegister(uint8_t, uint64_t offset, AccessWidth width) {
    if (offset % NumBytes(width) != 0) {
        return AllOnes(width);
    }
    const auto word = static_cast<uint32_t>(offset & ~3ULL);
    if (width == AccessWidth::k64) {
        return ReadWord(word) | uint64_t{ReadWord(word + 4)} << 32;
    }
    return ReadWord(word) >> (8 * (offset & 3));
}

void LitePcieModel::WriteRegister(uint8_t, uint64_t offset, AccessWidth width, uint64_t value) {
    if (offset % NumBytes(width) != 0 || NumBytes(width) < 4) {
        return;
    }
    const auto word = static_cast<uint32_t>(offset);
    WriteWord(word, static_cast<uint32_t>(value));
    if (width == AccessWidth::k64) {
        WriteWord(word + 4, static_cast<uint32_t>(value >> 32));
    }
}

const LitePcieModel::Block *LitePcieModel::FindBlock(uint32_t offset) const {
    const auto found = std::ranges::find_if(blocks_, [offset](const Block &block) {
        return offset >= block.base && offset - block.base < block.num_bytes;
    });
    return found == blocks_.end() ? nullptr : &*found;
}

uint32_t LitePcieModel::ReadWord(uint32_t offset) const {
    const Block *const block = FindBlock(offset);
    if (block == nullptr) {
        return 0;
    }
    const uint32_t in_block = offset - block->base;
    switch (block->kind) {
        case BlockKind::kDma:
            return channels_[block->channel]->Read(in_block);
        case BlockKind::kCtrl:
        case BlockKind::kLeds:
        case BlockKind::kMsi:
            return ReadState(*block, in_block);
        default:
            return ReadIdentity(*block, in_block);
    }
}

uint32_t LitePcieModel::ReadState(const Block &block, uint32_t offset) const {
    switch (block.kind) {
        case BlockKind::kCtrl:
            return offset == kCtrlScratch ? registers_.scratch : 0;
        case BlockKind::kLeds:
            return registers_.leds;
        default:
            return offset == kMsiEnable   ? registers_.msi_enable
                   : offset == kMsiVector ? registers_.msi_vector
                                          : 0;
    }
}

uint32_t LitePcieModel::ReadIdentity(const Block &block, uint32_t offset) const {
    switch (block.kind) {
        case BlockKind::kDna:
            return static_cast<uint32_t>(offset == kDnaIdHigh ? options_.dna >> 32 : options_.dna);
        case BlockKind::kIdentifier:
            return offset / 4 < kIdentifier.size() ? static_cast<uint8_t>(kIdentifier[offset / 4])
                                                   : 0;
        case BlockKind::kPhy:
            return offset == kPhyLinkStatus       ? kLinkStatusUp
                   : offset == kPhyMaxRequestSize ? kMaxRequestBytes
                   : offset == kPhyMaxPayloadSize ? kMaxPayloadBytes
                                                  : 0;
        default: {
            constexpr std::array kValues = {kTemperatureValue, kVccIntValue, kVccAuxValue,
                                            kVccBramValue};
            return kValues.at(offset / 4);
        }
    }
}

void LitePcieModel::WriteWord(uint32_t offset, uint32_t value) {
    const Block *const block = FindBlock(offset);
    if (block == nullptr) {
        return;
    }
    const uint32_t in_block = offset - block->base;
    switch (block->kind) {
        case BlockKind::kCtrl:
            WriteCtrl(in_block, value);
            break;
        case BlockKind::kLeds:
            registers_.leds = value & kLedBits;
            break;
        case BlockKind::kDma:
            channels_[block->channel]->Write(in_block, value);
            break;
        case BlockKind::kMsi:
            WriteMsi(in_block, value);
            break;
        default:
            break;
    }
}

void LitePcieModel::WriteCtrl(uint32_t offset, uint32_t value) {
    if (offset == kCtrlScratch) {
        registers_.scratch = value;
    } else if (offset == kCtrlReset && (value & kCtrlResetSoc) != 0) {
        // The backend holds the mutex around this callback.
        std::unique_lock lock(mutex(), std::adopt_lock);
        Reset(lock);
        lock.release();
    }
}

void LitePcieModel::WriteMsi(uint32_t offset, uint32_t value) {
    if (offset == kMsiEnable) {
        registers_.msi_enable = value;
        registers_.msi_vector &= value;
    } else if (offset == kMsiClear) {
        registers_.msi_vector &= ~value;
    }
}

// A message for every event that is enabled, also when its bit is set already, as the core does it.
void LitePcieModel::OnDmaInterrupt(uint32_t bit) {
    if ((registers_.msi_enable & bit) != 0) {
        registers_.msi_vector |= bit;
        port_->RaiseInterrupt(0);
    }
}

void LitePcieModel::Reset(std::unique_lock<std::mutex> &lock) {
    for (const auto &channel : channels_) {
        channel->Reset(lock);
    }
    registers_ = {};
}

}  // namespace opendext::models
