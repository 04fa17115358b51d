// SPDX-License-Identifier: Apache-2.0
#include "families/pci/pci_capabilities.h"

#include "backends/api/pci_registers.h"

namespace opendext::pci {

namespace registers = backends::pci;
using backends::AccessWidth;
using backends::PciBackend;

namespace {

// Longest lists that fit: more steps mean a circle.
constexpr uint32_t kMaxConventional =
    (registers::kConventionalConfigBytes - registers::kFirstCapability) / 4;
constexpr uint32_t kMaxExtended =
    (registers::kConfigBytes - registers::kFirstExtendedCapability) / 4;
constexpr uint32_t kFirstNegatedId = 0x100;

uint32_t FindConventional(PciBackend &backend, uint32_t id, uint32_t search_offset) {
    if ((backend.ReadConfig(registers::kStatus, AccessWidth::k16) &
         registers::kStatusCapabilityList) == 0) {
        return 0;
    }
    uint32_t link = search_offset == 0 ? registers::kCapabilityPointer : search_offset + 1;
    for (uint32_t step = 0; step < kMaxConventional; ++step) {
        const uint32_t offset = backend.ReadConfig(link, AccessWidth::k8) & ~3U;
        if (offset < registers::kFirstCapability) {
            return 0;
        }
        if (backend.ReadConfig(offset, AccessWidth::k8) == id) {
            return offset;
        }
        link = offset + 1;
    }
    return 0;
}

uint32_t NextExtended(uint32_t header) {
    return header >> 20 & ~3U;
}

uint32_t FindExtended(PciBackend &backend, uint32_t id, uint32_t search_offset) {
    if (FindConventional(backend, registers::kCapabilityPciExpress, 0) == 0) {
        return 0;
    }
    uint32_t offset = search_offset == 0
                          ? registers::kFirstExtendedCapability
                          : NextExtended(backend.ReadConfig(search_offset, AccessWidth::k32));
    for (uint32_t step = 0; step < kMaxExtended && offset >= registers::kFirstExtendedCapability;
         ++step) {
        const uint32_t header = backend.ReadConfig(offset, AccessWidth::k32);
        if (header == 0 || header == ~0U) {
            return 0;
        }
        if ((header & 0xFFFF) == id) {
            return offset;
        }
        offset = NextExtended(header);
    }
    return 0;
}

}  // namespace

uint32_t FindCapability(PciBackend &backend, uint32_t id, uint64_t search_offset) {
    if (!backend.IsPresent() || search_offset >= registers::kConfigBytes) {
        return 0;
    }
    const auto start = static_cast<uint32_t>(search_offset);
    return id >= kFirstNegatedId ? FindExtended(backend, 0U - id, start)
                                 : FindConventional(backend, id, start);
}

}  // namespace opendext::pci
