// SPDX-License-Identifier: Apache-2.0
#include "backends/emulated/device_description.h"

#include <fmt/core.h>

#include <algorithm>
#include <bit>
#include <utility>

namespace opendext::backends {
namespace {

constexpr uint64_t kMinRamBytes = 4096;
constexpr uint64_t kMaxBarBytes = 1ULL << 40;
constexpr uint64_t kMinRomBytes = 2048;
constexpr uint64_t kMaxRomBytes = 16ULL << 20;

bool IsValidBarSize(uint64_t num_bytes, BarKind kind) {
    if (!std::has_single_bit(num_bytes)) {
        return false;
    }
    if (IsIo(kind)) {
        return num_bytes >= 4 && num_bytes <= 256;
    }
    return num_bytes >= 16 && num_bytes <= (Is64Bit(kind) ? kMaxBarBytes : (1ULL << 31));
}

}  // namespace

PciDeviceBuilder::PciDeviceBuilder(uint16_t vendor_id, uint16_t device_id, uint32_t class_code) {
    ConfigSpace &config = description_.config;
    config.Set(pci::kVendorId, AccessWidth::k16, vendor_id);
    config.Set(pci::kDeviceId, AccessWidth::k16, device_id);
    config.Set(pci::kRevisionId, AccessWidth::k32, class_code << 8);
    config.SetWritable(pci::kCommand, AccessWidth::k16, pci::kCommandWritable);
    config.SetWriteOneToClear(pci::kStatus, AccessWidth::k16, pci::kStatusWriteOneToClear);
    config.SetWritable(pci::kCacheLineSize, AccessWidth::k8, 0xFF);
    config.SetWritable(pci::kInterruptLine, AccessWidth::k8, 0xFF);
    if (class_code > 0xFFFFFF) {
        Fail(fmt::format("class code {:#x} has more than 24 bits", class_code));
    }
}

void PciDeviceBuilder::Fail(const std::string &message) {
    if (!error_) {
        error_ =
            BackendError{BackendErrorCode::kInvalidArgument, "PCI device description: " + message};
    }
}

PciDeviceBuilder &PciDeviceBuilder::Revision(uint8_t revision_id) {
    description_.config.Set(pci::kRevisionId, AccessWidth::k8, revision_id);
    return *this;
}

PciDeviceBuilder &PciDeviceBuilder::Subsystem(uint16_t vendor_id, uint16_t device_id) {
    description_.config.Set(pci::kSubsystemVendorId, AccessWidth::k16, vendor_id);
    description_.config.Set(pci::kSubsystemId, AccessWidth::k16, device_id);
    return *this;
}

PciDeviceBuilder &PciDeviceBuilder::InterruptPin(uint8_t pin) {
    if (pin < 1 || pin > 4) {
        Fail(fmt::format("interrupt pin {} is none of 1 (INTA#) to 4 (INTD#)", pin));
    }
    description_.config.Set(pci::kInterruptPin, AccessWidth::k8, pin);
    description_.has_interrupt_pin = true;
    return *this;
}

bool PciDeviceBuilder::ClaimBar(uint8_t bar_index, uint64_t num_bytes, BarKind kind) {
    const uint32_t last = bar_index + (Is64Bit(kind) ? 1U : 0U);
    if (last >= pci::kNumBars) {
        Fail(fmt::format("BAR {} does not exist, or has no second half for 64 bits", bar_index));
        return false;
    }
    const auto bits = static_cast<uint8_t>((1U << bar_index) | (1U << last));
    if ((claimed_bars_ & bits) != 0) {
        Fail(fmt::format("BAR {} is used twice", bar_index));
        return false;
    }
    if (!IsValidBarSize(num_bytes, kind)) {
        Fail(fmt::format("BAR {}: {} bytes is not a power of two in the range of its kind",
                         bar_index, num_bytes));
        return false;
    }
    claimed_bars_ |= bits;
    return true;
}

void PciDeviceBuilder::AddBar(BarDescription bar) {
    const MemoryRange &range = bar.range;
    const uint32_t offset = pci::kBar0 + 4U * range.bar_index;
    const uint64_t address_mask = ~(range.num_bytes - 1);
    ConfigSpace &config = description_.config;
    config.Set(offset, AccessWidth::k32, static_cast<uint32_t>(range.kind));
    config.SetWritable(offset, AccessWidth::k32, static_cast<uint32_t>(address_mask & 0xFFFFFFFF));
    if (Is64Bit(range.kind)) {
        config.SetWritable(offset + 4, AccessWidth::k32, static_cast<uint32_t>(address_mask >> 32));
    }
    const auto place =
        std::ranges::upper_bound(description_.bars, range.bar_index, {},
                                 [](const BarDescription &each) { return each.range.bar_index; });
    description_.bars.insert(place, std::move(bar));
}

PciDeviceBuilder &PciDeviceBuilder::RegisterBar(uint8_t bar_index, uint64_t num_bytes,
                                                BarKind kind) {
    if (ClaimBar(bar_index, num_bytes, kind)) {
        AddBar({.range = {.bar_index = bar_index, .kind = kind, .num_bytes = num_bytes},
                .memory = {},
                .rom = {}});
    }
    return *this;
}

PciDeviceBuilder &PciDeviceBuilder::RamBar(uint8_t bar_index, uint64_t num_bytes, BarKind kind) {
    if (IsIo(kind) || num_bytes < kMinRamBytes) {
        Fail(
            fmt::format("RAM BAR {} must be memory of at least {} bytes", bar_index, kMinRamBytes));
        return *this;
    }
    if (!ClaimBar(bar_index, num_bytes, kind)) {
        return *this;
    }
    auto region = SharedRegion::Create(num_bytes, "pci-bar-ram");
    if (!region) {
        if (!error_) {
            error_ =
                BackendError{BackendErrorCode::kNoResources,
                             fmt::format("no shared memory of {} bytes for RAM BAR {}: errno {}",
                                         num_bytes, bar_index, region.error())};
        }
        return *this;
    }
    AddBar({.range = {.bar_index = bar_index,
                      .kind = kind,
                      .num_bytes = num_bytes,
                      .is_memory_like = true},
            .memory = std::move(*region),
            .rom = {}});
    return *this;
}

PciDeviceBuilder &PciDeviceBuilder::ExpansionRom(std::span<const std::byte> contents) {
    if (contents.empty() || contents.size() > kMaxRomBytes ||
        (claimed_bars_ & (1U << kExpansionRomBar)) != 0) {
        Fail(fmt::format("expansion ROM of {} bytes: there is one, of 1 to {} bytes",
                         contents.size(), kMaxRomBytes));
        return *this;
    }
    claimed_bars_ |= 1U << kExpansionRomBar;
    const uint64_t num_bytes = std::max(kMinRomBytes, std::bit_ceil<uint64_t>(contents.size()));
    BarDescription bar{.range = {.bar_index = kExpansionRomBar, .num_bytes = num_bytes},
                       .memory = {},
                       .rom = std::vector<std::byte>(contents.begin(), contents.end())};
    bar.rom.resize(num_bytes);
    description_.config.SetWritable(pci::kExpansionRom, AccessWidth::k32,
                                    static_cast<uint32_t>(~(num_bytes - 1)) | pci::kRomEnable);
    description_.bars.push_back(std::move(bar));
    return *this;
}

void PciDeviceBuilder::CheckMsix() {
    if (!description_.msix.Exists()) {
        return;
    }
    const MsixLayout &msix = description_.msix;
    const auto bar =
        std::ranges::find(description_.bars, msix.bar_index,
                          [](const BarDescription &each) { return each.range.bar_index; });
    if (bar == description_.bars.end() || bar->memory || IsIo(bar->range.kind)) {
        return Fail(
            fmt::format("MSI-X wants BAR {} to be a memory BAR of registers", msix.bar_index));
    }
    const uint64_t table_end = uint64_t{msix.table_offset} + msix.TableBytes();
    const uint64_t pending_end = uint64_t{msix.pending_offset} + msix.PendingBytes();
    if (table_end > bar->range.num_bytes || pending_end > bar->range.num_bytes ||
        (msix.table_offset < pending_end && msix.pending_offset < table_end)) {
        Fail(fmt::format("MSI-X table and pending bits must lie apart in the {} bytes of BAR {}",
                         bar->range.num_bytes, msix.bar_index));
    }
}

BackendResult<PciDeviceDescription> PciDeviceBuilder::Build() {
    CheckMsix();
    if (last_extended_ != 0 && description_.express_offset == 0) {
        Fail("extended capabilities need the PCI Express capability: call PciExpress");
    }
    if (error_) {
        return std::unexpected(*error_);
    }
    description_.config.SealInitialValues();
    return std::move(description_);
}

}  // namespace opendext::backends
