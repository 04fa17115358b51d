// SPDX-License-Identifier: Apache-2.0
#include "models/usb_loopback/byte_pattern.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "models/usb_loopback/protocol.h"

namespace opendext::models::usb_loopback {
namespace {

constexpr size_t kPeriod = kPatternPeriod;

const std::array<std::byte, kPeriod> &Table() {
    static const auto table = [] {
        std::array<std::byte, kPeriod> bytes{};
        for (size_t position = 0; position < kPeriod; ++position) {
            bytes[position] = PatternByte(position);
        }
        return bytes;
    }();
    return table;
}

}  // namespace

void FillPattern(std::span<std::byte> bytes, uint64_t position) {
    const std::array<std::byte, kPeriod> &table = Table();
    while (!bytes.empty()) {
        const size_t from = position % kPeriod;
        const size_t count = std::min(bytes.size(), kPeriod - from);
        std::memcpy(bytes.data(), table.data() + from, count);
        bytes = bytes.subspan(count);
        position += count;
    }
}

std::optional<size_t> FindMismatch(std::span<const std::byte> bytes, uint64_t position) {
    const std::array<std::byte, kPeriod> &table = Table();
    for (size_t offset = 0; offset < bytes.size();) {
        const size_t from = (position + offset) % kPeriod;
        const size_t count = std::min(bytes.size() - offset, kPeriod - from);
        const auto expected = std::span(table).subspan(from, count);
        if (std::memcmp(bytes.data() + offset, expected.data(), count) != 0) {
            const auto wrong = std::ranges::mismatch(bytes.subspan(offset, count), expected).in2;
            return offset + static_cast<size_t>(wrong - expected.begin());
        }
        offset += count;
    }
    return std::nullopt;
}

}  // namespace opendext::models::usb_loopback
