// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace opendext::models::usb_loopback {

/// The byte at a position of the pattern: (position + position / 256) mod 256, which repeats after kPatternPeriod.
[[nodiscard]] constexpr std::byte PatternByte(uint64_t position) {
    return static_cast<std::byte>(position + (position >> 8));
}

/// Fills in the pattern from `position` on.
void FillPattern(std::span<std::byte> bytes, uint64_t position);

/// The offset of the first byte that is not the pattern's from `position` on; nullopt: all are.
[[nodiscard]] std::optional<size_t> FindMismatch(std::span<const std::byte> bytes,
                                                 uint64_t position);

}  // namespace opendext::models::usb_loopback
