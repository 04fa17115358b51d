// SPDX-License-Identifier: Apache-2.0
#include "backends/emulated/usb_string_text.h"

#include <array>
#include <cstdint>

namespace opendext::backends {
namespace {

constexpr char32_t kReplacement = 0xFFFD;

struct Decoded {
    char32_t code_point = kReplacement;
    size_t num_bytes = 1;
};

/// The first character of `text`, which is not empty.
Decoded DecodeFirst(std::string_view text) {
    const auto lead = static_cast<uint8_t>(text[0]);
    if (lead < 0x80) {
        return {.code_point = lead};
    }
    const size_t num_bytes = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || text.size() < num_bytes) {
        return {};
    }
    char32_t code_point = lead & (0xFFU >> (num_bytes + 1));
    for (size_t i = 1; i < num_bytes; ++i) {
        const auto next = static_cast<uint8_t>(text[i]);
        if ((next & 0xC0) != 0x80) {
            return {};
        }
        code_point = code_point << 6 | (next & 0x3FU);
    }
    constexpr std::array<char32_t, 5> kLeast = {0, 0, 0x80, 0x800, 0x10000};
    const bool is_surrogate = code_point >= 0xD800 && code_point <= 0xDFFF;
    if (code_point < kLeast[num_bytes] || code_point > 0x10FFFF || is_surrogate) {
        return {};
    }
    return {.code_point = code_point, .num_bytes = num_bytes};
}

}  // namespace

std::u16string Utf16Of(std::string_view utf8) {
    std::u16string result;
    while (!utf8.empty()) {
        const Decoded first = DecodeFirst(utf8);
        utf8.remove_prefix(first.num_bytes);
        if (first.code_point < 0x10000) {
            result.push_back(static_cast<char16_t>(first.code_point));
        } else {
            const char32_t offset = first.code_point - 0x10000;
            result.push_back(static_cast<char16_t>(0xD800 + (offset >> 10)));
            result.push_back(static_cast<char16_t>(0xDC00 + (offset & 0x3FF)));
        }
    }
    return result;
}

}  // namespace opendext::backends
