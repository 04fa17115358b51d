// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>

namespace opendext::backends {

/// Where a function sits: PCI segment, bus, device (0..31), function (0..7).
struct PciAddress {
    uint16_t segment = 0;
    uint8_t bus = 0;
    uint8_t device = 0;
    uint8_t function = 0;

    auto operator<=>(const PciAddress &) const = default;
};

/// Width of one access; the value is its size in bytes.
enum class AccessWidth : uint8_t { k8 = 1, k16 = 2, k32 = 4, k64 = 8 };

[[nodiscard]] constexpr uint32_t NumBytes(AccessWidth width) {
    return static_cast<uint32_t>(width);
}

/// All ones of a width: what the bus answers when no device does.
[[nodiscard]] constexpr uint64_t AllOnes(AccessWidth width) {
    return width == AccessWidth::k64 ? ~0ULL : (1ULL << (8 * NumBytes(width))) - 1;
}

/// Kind of a base address register; the values are the low bits of the register, and those that
/// IOPCIDevice::GetBARInfo reports.
enum class BarKind : uint8_t {
    kMemory32 = 0x0,
    kIo = 0x1,
    kMemory64 = 0x4,
    kMemory32Prefetchable = 0x8,
    kMemory64Prefetchable = 0xC,
};

[[nodiscard]] constexpr bool IsIo(BarKind kind) {
    return kind == BarKind::kIo;
}
[[nodiscard]] constexpr bool Is64Bit(BarKind kind) {
    return (static_cast<uint8_t>(kind) & 0x4) != 0;
}
[[nodiscard]] constexpr bool IsPrefetchable(BarKind kind) {
    return (static_cast<uint8_t>(kind) & 0x8) != 0;
}

/// BAR number of the expansion ROM.
inline constexpr uint8_t kExpansionRomBar = 6;

/// One range that the device decodes. Its place in PciBackend::MemoryRanges is the "memory index" of
/// IOPCIDevice: a 64-bit BAR takes one place and two BAR numbers.
struct MemoryRange {
    uint8_t bar_index = 0;  ///< 0..5, or kExpansionRomBar.
    BarKind kind = BarKind::kMemory32;
    uint64_t num_bytes = 0;  ///< A power of two.
    bool is_memory_like =
        false;  ///< Has no side effects and can be mapped: see PciBackend::MapDirect.
};

enum class InterruptKind : uint8_t { kIntx, kMsi, kMsix };

/// Number of a vector of the allocated kind, from 0. INTx has vector 0 only.
using InterruptVector = uint32_t;

enum class PciResetKind : uint8_t {
    kFunction,  ///< Function-level reset: needs the PCI Express capability to announce it.
    kHot,       ///< Reset of the link: everything below the port.
};

}  // namespace opendext::backends
