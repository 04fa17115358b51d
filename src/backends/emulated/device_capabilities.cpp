// SPDX-License-Identifier: Apache-2.0
// The capability lists of PciDeviceBuilder.
#include <fmt/core.h>

#include <bit>

#include "backends/emulated/device_description.h"

namespace opendext::backends {
namespace {

constexpr uint32_t RoundUpToDword(uint32_t value) {
    return (value + 3) & ~3U;
}

void SetBytes(ConfigSpace &config, uint32_t offset, std::span<const std::byte> bytes) {
    for (const std::byte byte : bytes) {
        config.Set(offset++, AccessWidth::k8, std::to_integer<uint32_t>(byte));
    }
}

}  // namespace

uint32_t PciDeviceBuilder::AddCapability(uint8_t id, uint32_t num_bytes) {
    const uint32_t offset = next_capability_;
    if (num_bytes > pci::kConventionalConfigBytes - offset) {
        Fail(fmt::format("no room for capability {:#04x} of {} bytes at {:#x}", id, num_bytes,
                         offset));
        return 0;
    }
    ConfigSpace &config = description_.config;
    config.Set(last_link_, AccessWidth::k8, offset);
    config.Set(offset, AccessWidth::k8, id);
    config.Set(pci::kStatus, AccessWidth::k16,
               config.Read16(pci::kStatus) | pci::kStatusCapabilityList);
    last_link_ = offset + 1;
    next_capability_ = RoundUpToDword(offset + num_bytes);
    return offset;
}

PciDeviceBuilder &PciDeviceBuilder::PowerManagement() {
    constexpr uint16_t kVersion3 = 0x0003;
    constexpr uint16_t kNoSoftReset = 0x0008;
    if (description_.power_offset != 0) {
        Fail("PowerManagement is there twice");
        return *this;
    }
    const uint32_t offset = AddCapability(pci::kCapabilityPowerManagement, 8);
    if (offset == 0) {
        return *this;
    }
    ConfigSpace &config = description_.config;
    config.Set(offset + pci::kPowerCapabilities, AccessWidth::k16, kVersion3);
    config.Set(offset + pci::kPowerControl, AccessWidth::k16, kNoSoftReset);
    config.SetWritable(offset + pci::kPowerControl, AccessWidth::k16, pci::kPowerStateMask);
    description_.power_offset = offset;
    return *this;
}

PciDeviceBuilder &PciDeviceBuilder::PciExpress(PciExpressOptions options) {
    if (description_.express_offset != 0 || options.link_speed < 1 || options.link_speed > 5) {
        Fail(fmt::format("PciExpress is there twice, or its link speed {} is none of 1 to 5",
                         options.link_speed));
        return *this;
    }
    const uint32_t offset = AddCapability(pci::kCapabilityPciExpress, pci::kExpressCapabilityBytes);
    if (offset == 0) {
        return *this;
    }
    constexpr uint16_t kVersion2Endpoint = 0x0002;
    constexpr uint32_t kMaxPayload512 = 2;
    constexpr uint32_t kRoleBasedErrors = 1U << 15;
    constexpr uint16_t kDefaultDeviceControl =
        0x2810;  // relaxed ordering, no snoop, reads of 512 bytes
    const uint32_t link =
        static_cast<uint32_t>(options.link_speed) | static_cast<uint32_t>(options.link_width) << 4;
    ConfigSpace &config = description_.config;
    config.Set(offset + 2, AccessWidth::k16, kVersion2Endpoint);
    config.Set(offset + pci::kExpressDeviceCapabilities, AccessWidth::k32,
               kMaxPayload512 | kRoleBasedErrors |
                   (options.function_level_reset ? pci::kExpressFlrCapable : 0));
    config.Set(offset + pci::kExpressDeviceControl, AccessWidth::k16, kDefaultDeviceControl);
    config.SetWritable(offset + pci::kExpressDeviceControl, AccessWidth::k16, 0x7FFF);
    config.SetWriteOneToClear(offset + pci::kExpressDeviceStatus, AccessWidth::k16, 0x000F);
    config.Set(offset + pci::kExpressLinkCapabilities, AccessWidth::k32, link);
    config.SetWritable(offset + pci::kExpressLinkControl, AccessWidth::k16, 0x0FC3);
    config.Set(offset + pci::kExpressLinkStatus, AccessWidth::k16, link);
    config.Set(offset + pci::kExpressLinkControl2, AccessWidth::k16, options.link_speed);
    config.SetWritable(offset + pci::kExpressLinkControl2, AccessWidth::k16, 0x000F);
    description_.express_offset = offset;
    description_.has_function_level_reset = options.function_level_reset;
    return *this;
}

PciDeviceBuilder &PciDeviceBuilder::Msi(MsiOptions options) {
    if (description_.msi.Exists() || !std::has_single_bit(options.num_vectors) ||
        options.num_vectors > pci::kMsiMaxVectors) {
        Fail(fmt::format("Msi is there twice, or its {} vectors are no power of two up to 32",
                         options.num_vectors));
        return *this;
    }
    MsiLayout layout{.config_offset = 0,
                     .num_vectors = options.num_vectors,
                     .is_64bit = options.is_64bit,
                     .has_per_vector_mask = options.has_per_vector_mask};
    const uint32_t num_bytes =
        options.has_per_vector_mask ? layout.PendingOffset() + 4 : layout.DataOffset() + 2;
    layout.config_offset = AddCapability(pci::kCapabilityMsi, num_bytes);
    if (layout.config_offset == 0) {
        return *this;
    }
    const uint32_t offset = layout.config_offset;
    ConfigSpace &config = description_.config;
    const auto capable = static_cast<uint32_t>(std::countr_zero(options.num_vectors));
    config.Set(offset + pci::kMsiControl, AccessWidth::k16,
               capable << pci::kMsiControlCapableShift |
                   (options.is_64bit ? pci::kMsiControl64Bit : 0U) |
                   (options.has_per_vector_mask ? pci::kMsiControlPerVectorMask : 0U));
    config.SetWritable(offset + pci::kMsiControl, AccessWidth::k16,
                       pci::kMsiControlEnable | pci::kMsiControlEnabledMask);
    config.SetWritable(offset + pci::kMsiAddressLow, AccessWidth::k32, 0xFFFFFFFC);
    if (options.is_64bit) {
        config.SetWritable(offset + pci::kMsiAddressLow + 4, AccessWidth::k32, 0xFFFFFFFF);
    }
    config.SetWritable(layout.DataOffset(), AccessWidth::k16, 0xFFFF);
    if (options.has_per_vector_mask) {
        const uint64_t vectors_mask = (1ULL << options.num_vectors) - 1;
        config.SetWritable(layout.MaskOffset(), AccessWidth::k32,
                           static_cast<uint32_t>(vectors_mask));
    }
    description_.msi = layout;
    return *this;
}

PciDeviceBuilder &PciDeviceBuilder::Msix(MsixOptions options) {
    if (description_.msix.Exists() || options.num_vectors < 1 ||
        options.num_vectors > pci::kMsixMaxVectors ||
        ((options.table_offset | options.pending_offset) & pci::kMsixBarMask) != 0) {
        Fail(
            fmt::format("Msix is there twice, its {} vectors are none of 1 to 2048, or an offset "
                        "is no multiple of 8",
                        options.num_vectors));
        return *this;
    }
    const uint32_t offset = AddCapability(pci::kCapabilityMsix, 12);
    if (offset == 0) {
        return *this;
    }
    ConfigSpace &config = description_.config;
    config.Set(offset + pci::kMsixControl, AccessWidth::k16, options.num_vectors - 1);
    config.SetWritable(offset + pci::kMsixControl, AccessWidth::k16,
                       pci::kMsixControlEnable | pci::kMsixControlFunctionMask);
    config.Set(offset + pci::kMsixTable, AccessWidth::k32,
               options.table_offset | options.bar_index);
    config.Set(offset + pci::kMsixPendingBits, AccessWidth::k32,
               options.pending_offset | options.bar_index);
    description_.msix = MsixLayout{.config_offset = offset,
                                   .num_vectors = options.num_vectors,
                                   .bar_index = options.bar_index,
                                   .table_offset = options.table_offset,
                                   .pending_offset = options.pending_offset};
    return *this;
}

PciDeviceBuilder &PciDeviceBuilder::VendorSpecific(std::span<const std::byte> body) {
    constexpr uint32_t kHeaderBytes = 3;
    if (body.size() > pci::kConventionalConfigBytes) {
        Fail(fmt::format("a vendor-specific capability of {} bytes does not fit", body.size()));
        return *this;
    }
    const uint32_t num_bytes = kHeaderBytes + static_cast<uint32_t>(body.size());
    const uint32_t offset = AddCapability(pci::kCapabilityVendorSpecific, num_bytes);
    if (offset == 0) {
        return *this;
    }
    description_.config.Set(offset + 2, AccessWidth::k8, num_bytes);
    SetBytes(description_.config, offset + kHeaderBytes, body);
    return *this;
}

PciDeviceBuilder &PciDeviceBuilder::SerialNumber(uint64_t serial_number) {
    return ExtendedCapability(pci::kExtendedCapabilitySerialNumber, 1,
                              std::as_bytes(std::span(&serial_number, 1)));
}

PciDeviceBuilder &PciDeviceBuilder::ExtendedCapability(uint16_t id, uint8_t version,
                                                       std::span<const std::byte> body) {
    constexpr uint32_t kHeaderBytes = 4;
    const uint32_t offset = next_extended_;
    if (body.size() > pci::kConfigBytes - kHeaderBytes ||
        offset > pci::kConfigBytes - kHeaderBytes - body.size()) {
        Fail(fmt::format("no room for extended capability {:#06x} of {} bytes at {:#x}", id,
                         body.size(), offset));
        return *this;
    }
    ConfigSpace &config = description_.config;
    config.Set(offset, AccessWidth::k32, static_cast<uint32_t>(id) | (version & 0xFU) << 16);
    SetBytes(config, offset + kHeaderBytes, body);
    if (last_extended_ != 0) {
        config.Set(last_extended_, AccessWidth::k32, config.Read32(last_extended_) | offset << 20);
    }
    last_extended_ = offset;
    next_extended_ = RoundUpToDword(offset + kHeaderBytes + static_cast<uint32_t>(body.size()));
    return *this;
}

}  // namespace opendext::backends
