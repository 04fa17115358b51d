// SPDX-License-Identifier: Apache-2.0
#include "backends/api/usb_string_descriptor.h"

#include <algorithm>
#include <bit>

#include "base/byte_cursor.h"

namespace opendext::backends {

namespace {

constexpr uint8_t kStringType = 3;
constexpr size_t kHeadBytes = 2;
constexpr char32_t kReplacement = 0xFFFD;

// The 16-bit numbers of a string descriptor; nullopt when it is none.
std::optional<std::vector<uint16_t>> ReadUnits(std::span<const std::byte> descriptor) {
    ByteReader reader(descriptor, std::endian::little);
    const auto length = reader.Take<uint8_t>();
    const auto type = reader.Take<uint8_t>();
    if (!reader.ok() || type != kStringType || length < kHeadBytes) {
        return std::nullopt;
    }
    const size_t num_bytes = std::min<size_t>(length - kHeadBytes, reader.left());
    std::vector<uint16_t> units(num_bytes / 2);
    for (uint16_t &unit : units) {
        unit = reader.Take<uint16_t>();
    }
    return units;
}

void AppendUtf8(std::string &text, char32_t code) {
    const auto put = [&text](char32_t byte) { text.push_back(static_cast<char>(byte)); };
    if (code < 0x80) {
        put(code);
    } else if (code < 0x800) {
        put(0xC0 | code >> 6);
        put(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
        put(0xE0 | code >> 12);
        put(0x80 | (code >> 6 & 0x3F));
        put(0x80 | (code & 0x3F));
    } else {
        put(0xF0 | code >> 18);
        put(0x80 | (code >> 12 & 0x3F));
        put(0x80 | (code >> 6 & 0x3F));
        put(0x80 | (code & 0x3F));
    }
}

bool IsHighSurrogate(uint16_t unit) {
    return unit >= 0xD800 && unit < 0xDC00;
}

bool IsLowSurrogate(uint16_t unit) {
    return unit >= 0xDC00 && unit < 0xE000;
}

}  // namespace

std::optional<std::string> ReadUsbString(std::span<const std::byte> descriptor) {
    const auto units = ReadUnits(descriptor);
    if (!units) {
        return std::nullopt;
    }
    std::string text;
    for (size_t i = 0; i < units->size() && (*units)[i] != 0; ++i) {
        const uint16_t unit = (*units)[i];
        if (IsHighSurrogate(unit) && i + 1 < units->size() && IsLowSurrogate((*units)[i + 1])) {
            const char32_t high = unit - 0xD800U;
            const char32_t low = (*units)[++i] - 0xDC00U;
            AppendUtf8(text, 0x10000 + (high << 10 | low));
        } else {
            AppendUtf8(text, IsHighSurrogate(unit) || IsLowSurrogate(unit) ? kReplacement : unit);
        }
    }
    return text;
}

std::vector<uint16_t> ReadUsbLanguages(std::span<const std::byte> descriptor) {
    return ReadUnits(descriptor).value_or(std::vector<uint16_t>());
}

}  // namespace opendext::backends
