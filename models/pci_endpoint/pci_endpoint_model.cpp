// SPDX-License-Identifier: Apache-2.0
#include "models/pci_endpoint/pci_endpoint_model.h"

#include <cstring>

namespace opendext::models {

using backends::AccessWidth;

namespace {

// Layout of an expansion ROM, as the PCI Firmware Specification has it.
constexpr size_t kRomPointer = 0x18;  // to the data structure
constexpr size_t kRomData = 0x1C;
constexpr size_t kRomDataBytes = 0x1C;
constexpr size_t kRomUnit = 512;

void Put(std::vector<std::byte> &bytes, size_t at, uint64_t value, size_t num_bytes) {
    for (size_t i = 0; i < num_bytes; ++i) {
        bytes[at + i] = static_cast<std::byte>(value >> (8 * i));
    }
}

}  // namespace

backends::BackendResult<backends::PciDeviceDescription> PciEndpointModel::Describe() const {
    backends::PciDeviceBuilder builder(options_.vendor_id, options_.device_id, options_.class_code);
    builder.Revision(options_.revision_id)
        .Subsystem(options_.subsystem_vendor_id, options_.subsystem_id);
    for (uint8_t i = 0; i < kPciEndpointBars; ++i) {
        const auto &bar = options_.bars.at(i);
        if (bar && IsIo(bar->kind)) {
            builder.RegisterBar(i, bar->num_bytes, bar->kind);
        } else if (bar) {
            builder.RamBar(i, bar->num_bytes, bar->kind);
        }
    }
    if (options_.rom_kib != 0) {
        builder.ExpansionRom(RomContents());
    }
    builder.PowerManagement();
    if (options_.msi_vectors != 0) {
        builder.Msi({.num_vectors = options_.msi_vectors});
    }
    builder.PciExpress({.function_level_reset = options_.has_function_level_reset,
                        .link_speed = options_.link_speed,
                        .link_width = options_.link_width});
    if (options_.serial_number != 0) {
        builder.SerialNumber(options_.serial_number);
    }
    return builder.Build();
}

// An image of no code: what software needs to see whose it is.
std::vector<std::byte> PciEndpointModel::RomContents() const {
    std::vector<std::byte> rom(size_t{options_.rom_kib} << 10);
    Put(rom, 0, 0xAA55, 2);
    Put(rom, kRomPointer, kRomData, 2);
    std::memcpy(&rom[kRomData], "PCIR", 4);
    Put(rom, kRomData + 0x04, options_.vendor_id, 2);
    Put(rom, kRomData + 0x06, options_.device_id, 2);
    Put(rom, kRomData + 0x0A, kRomDataBytes, 2);
    Put(rom, kRomData + 0x0C, 3, 1);  // revision of the structure
    Put(rom, kRomData + 0x0D, options_.class_code, 3);
    Put(rom, kRomData + 0x10, rom.size() / kRomUnit, 2);
    Put(rom, kRomData + 0x14, 0xFF, 1);  // no code type that anybody runs
    Put(rom, kRomData + 0x15, 0x80, 1);  // the last image
    return rom;
}

uint64_t PciEndpointModel::ReadRegister(uint8_t bar_index, uint64_t offset, AccessWidth width) {
    uint64_t value = 0;
    std::memcpy(&value, &io_.at(bar_index).at(offset), NumBytes(width));
    return value;
}

void PciEndpointModel::WriteRegister(uint8_t bar_index, uint64_t offset, AccessWidth width,
                                     uint64_t value) {
    std::memcpy(&io_.at(bar_index).at(offset), &value, NumBytes(width));
}

}  // namespace opendext::models
