// SPDX-License-Identifier: Apache-2.0
#include "backends/emulated/config_space.h"

namespace opendext::backends {

bool ConfigSpace::Contains(uint32_t offset, AccessWidth width) {
    return width != AccessWidth::k64 && offset <= pci::kConfigBytes - NumBytes(width);
}

uint32_t ConfigSpace::Read(uint32_t offset, AccessWidth width) const {
    uint32_t value = 0;
    for (uint32_t i = 0; i < NumBytes(width); ++i) {
        value |= static_cast<uint32_t>(values_[offset + i]) << (8 * i);
    }
    return value;
}

void ConfigSpace::Write(uint32_t offset, AccessWidth width, uint32_t value) {
    for (uint32_t i = 0; i < NumBytes(width); ++i) {
        const uint8_t written = static_cast<uint8_t>(value >> (8 * i));
        const uint8_t mask = writable_[offset + i];
        uint8_t &byte = values_[offset + i];
        byte = static_cast<uint8_t>((byte & ~mask) | (written & mask));
        byte = static_cast<uint8_t>(byte & ~(written & write_one_to_clear_[offset + i]));
    }
}

void ConfigSpace::Set(uint32_t offset, AccessWidth width, uint32_t value) {
    for (uint32_t i = 0; i < NumBytes(width); ++i) {
        values_[offset + i] = static_cast<uint8_t>(value >> (8 * i));
    }
}

void ConfigSpace::SetWritable(uint32_t offset, AccessWidth width, uint32_t mask) {
    for (uint32_t i = 0; i < NumBytes(width); ++i) {
        writable_[offset + i] = static_cast<uint8_t>(mask >> (8 * i));
    }
}

void ConfigSpace::SetWriteOneToClear(uint32_t offset, AccessWidth width, uint32_t mask) {
    for (uint32_t i = 0; i < NumBytes(width); ++i) {
        write_one_to_clear_[offset + i] = static_cast<uint8_t>(mask >> (8 * i));
    }
}

}  // namespace opendext::backends
