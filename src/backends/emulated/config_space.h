// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "backends/api/pci_registers.h"
#include "backends/api/pci_types.h"

namespace opendext::backends {

/// The 4 KiB of configuration registers of one function: values, and which bits a write changes. Little
/// endian. Knows nothing of what the registers mean. Copyable; not thread-safe.
class ConfigSpace {
public:
    /// True when an access of at most 32 bits lies wholly inside.
    [[nodiscard]] static bool Contains(uint32_t offset, AccessWidth width);

    /// The value. Precondition: Contains(offset, width).
    [[nodiscard]] uint32_t Read(uint32_t offset, AccessWidth width) const;
    [[nodiscard]] uint16_t Read16(uint32_t offset) const {
        return static_cast<uint16_t>(Read(offset, AccessWidth::k16));
    }
    [[nodiscard]] uint32_t Read32(uint32_t offset) const { return Read(offset, AccessWidth::k32); }

    /// A write from software: only writable bits change, and bits that are cleared by writing one are
    /// cleared. Precondition: Contains(offset, width).
    void Write(uint32_t offset, AccessWidth width, uint32_t value);

    /// The device's own change: every bit. Precondition: Contains(offset, width).
    void Set(uint32_t offset, AccessWidth width, uint32_t value);

    /// Bits that software may write; the others keep their value. Same precondition.
    void SetWritable(uint32_t offset, AccessWidth width, uint32_t mask);

    /// Bits that software clears by writing one to them. Same precondition.
    void SetWriteOneToClear(uint32_t offset, AccessWidth width, uint32_t mask);

    /// The values of now are those that ResetToInitial returns to.
    void SealInitialValues() { initial_ = values_; }
    void ResetToInitial() { values_ = initial_; }

private:
    using Bytes = std::array<uint8_t, pci::kConfigBytes>;

    Bytes values_{};
    Bytes initial_{};
    Bytes writable_{};
    Bytes write_one_to_clear_{};
};

}  // namespace opendext::backends
