// SPDX-License-Identifier: Apache-2.0
#include "iokit/corefoundation/text_encoding.h"

#include <algorithm>
#include <array>

namespace opendext::cf {
namespace {

// The characters of the upper half of Mac Roman.
constexpr std::array<char16_t, 128> kMacRoman = {
    0x00C4, 0x00C5, 0x00C7, 0x00C9, 0x00D1, 0x00D6, 0x00DC, 0x00E1, 0x00E0, 0x00E2, 0x00E4, 0x00E3,
    0x00E5, 0x00E7, 0x00E9, 0x00E8, 0x00EA, 0x00EB, 0x00ED, 0x00EC, 0x00EE, 0x00EF, 0x00F1, 0x00F3,
    0x00F2, 0x00F4, 0x00F6, 0x00F5, 0x00FA, 0x00F9, 0x00FB, 0x00FC, 0x2020, 0x00B0, 0x00A2, 0x00A3,
    0x00A7, 0x2022, 0x00B6, 0x00DF, 0x00AE, 0x00A9, 0x2122, 0x00B4, 0x00A8, 0x2260, 0x00C6, 0x00D8,
    0x221E, 0x00B1, 0x2264, 0x2265, 0x00A5, 0x00B5, 0x2202, 0x2211, 0x220F, 0x03C0, 0x222B, 0x00AA,
    0x00BA, 0x03A9, 0x00E6, 0x00F8, 0x00BF, 0x00A1, 0x00AC, 0x221A, 0x0192, 0x2248, 0x2206, 0x00AB,
    0x00BB, 0x2026, 0x00A0, 0x00C0, 0x00C3, 0x00D5, 0x0152, 0x0153, 0x2013, 0x2014, 0x201C, 0x201D,
    0x2018, 0x2019, 0x00F7, 0x25CA, 0x00FF, 0x0178, 0x2044, 0x20AC, 0x2039, 0x203A, 0xFB01, 0xFB02,
    0x2021, 0x00B7, 0x201A, 0x201E, 0x2030, 0x00C2, 0x00CA, 0x00C1, 0x00CB, 0x00C8, 0x00CD, 0x00CE,
    0x00CF, 0x00CC, 0x00D3, 0x00D4, 0xF8FF, 0x00D2, 0x00DA, 0x00DB, 0x00D9, 0x0131, 0x02C6, 0x02DC,
    0x00AF, 0x02D8, 0x02D9, 0x02DA, 0x00B8, 0x02DD, 0x02DB, 0x02C7,
};

constexpr char32_t kReplacement = 0xFFFD;
constexpr char32_t kByteOrderMark = 0xFEFF;

bool IsHighSurrogate(char16_t unit) {
    return unit >= 0xD800 && unit < 0xDC00;
}
bool IsLowSurrogate(char16_t unit) {
    return unit >= 0xDC00 && unit < 0xE000;
}

void AppendUtf16(std::u16string &units, char32_t character) {
    if (character < 0x10000) {
        units.push_back(static_cast<char16_t>(character));
        return;
    }
    units.push_back(static_cast<char16_t>(0xD800 + ((character - 0x10000) >> 10)));
    units.push_back(static_cast<char16_t>(0xDC00 + ((character - 0x10000) & 0x3FF)));
}

// The length of a UTF-8 sequence by its first byte; 0 if none starts with it.
std::size_t Utf8SequenceLength(unsigned char first) {
    if (first < 0x80) {
        return 1;
    }
    if (first >= 0xC2 && first < 0xE0) {
        return 2;
    }
    if (first >= 0xE0 && first < 0xF0) {
        return 3;
    }
    return first >= 0xF0 && first < 0xF5 ? 4 : 0;
}

// The character of one whole sequence, or nothing if it is malformed, overlong or a surrogate.
std::optional<char32_t> DecodeUtf8Sequence(std::span<const unsigned char> sequence) {
    if (sequence.size() == 1) {
        return sequence[0];
    }
    constexpr std::array<char32_t, 5> kSmallest = {0, 0, 0x80, 0x800, 0x10000};
    char32_t character = sequence[0] & (0x7FU >> sequence.size());
    for (const unsigned char byte : sequence.subspan(1)) {
        if ((byte & 0xC0) != 0x80) {
            return std::nullopt;
        }
        character = (character << 6) | (byte & 0x3FU);
    }
    if (character < kSmallest[sequence.size()] || character > 0x10FFFF ||
        (character >= 0xD800 && character < 0xE000)) {
        return std::nullopt;
    }
    return character;
}

std::optional<std::u16string> DecodeUtf8(std::span<const unsigned char> bytes) {
    std::u16string units;
    units.reserve(bytes.size());
    while (!bytes.empty()) {
        const std::size_t length = Utf8SequenceLength(bytes[0]);
        if (length == 0 || length > bytes.size()) {
            return std::nullopt;
        }
        const std::optional<char32_t> character = DecodeUtf8Sequence(bytes.first(length));
        if (!character) {
            return std::nullopt;
        }
        AppendUtf16(units, *character);
        bytes = bytes.subspan(length);
    }
    return units;
}

std::optional<std::u16string> DecodeSingleBytes(std::span<const unsigned char> bytes,
                                                CFStringEncoding encoding) {
    std::u16string units;
    units.reserve(bytes.size());
    for (const unsigned char byte : bytes) {
        if (byte < 0x80 || encoding == kCFStringEncodingISOLatin1) {
            units.push_back(byte);
        } else if (encoding == kCFStringEncodingMacRoman) {
            units.push_back(kMacRoman[byte - 0x80U]);
        } else {
            return std::nullopt;
        }
    }
    return units;
}

char16_t ReadUnit(std::span<const unsigned char> bytes, bool big_endian) {
    const unsigned high = bytes[big_endian ? 0 : 1];
    const unsigned low = bytes[big_endian ? 1 : 0];
    return static_cast<char16_t>((high << 8) | low);
}

std::optional<std::u16string> DecodeUtf16(std::span<const unsigned char> bytes, bool big_endian,
                                          bool has_mark) {
    if (bytes.size() % 2 != 0) {
        return std::nullopt;
    }
    if (has_mark && !bytes.empty()) {
        if (ReadUnit(bytes, false) == kByteOrderMark || ReadUnit(bytes, true) == kByteOrderMark) {
            big_endian = ReadUnit(bytes, true) == kByteOrderMark;
            bytes = bytes.subspan(2);
        }
    }
    std::u16string units;
    units.reserve(bytes.size() / 2);
    for (; !bytes.empty(); bytes = bytes.subspan(2)) {
        units.push_back(ReadUnit(bytes, big_endian));
    }
    return units;
}

struct Character {
    char32_t value;
    std::size_t num_units;
};

Character FirstCharacter(std::u16string_view units) {
    const char16_t first = units[0];
    if (IsHighSurrogate(first) && units.size() > 1 && IsLowSurrogate(units[1])) {
        return {0x10000 + ((char32_t{first} - 0xD800) << 10) + (char32_t{units[1]} - 0xDC00), 2};
    }
    return {first, 1};
}

void AppendUtf8(std::string &bytes, char32_t character) {
    if (character < 0x80) {
        bytes.push_back(static_cast<char>(character));
        return;
    }
    const int continuation_bytes = character < 0x800 ? 1 : character < 0x10000 ? 2 : 3;
    constexpr std::array<unsigned, 4> kLead = {0, 0xC0, 0xE0, 0xF0};
    bytes.push_back(static_cast<char>(kLead[static_cast<std::size_t>(continuation_bytes)] |
                                      (character >> (6 * continuation_bytes))));
    for (int i = continuation_bytes - 1; i >= 0; --i) {
        bytes.push_back(static_cast<char>(0x80 | ((character >> (6 * i)) & 0x3F)));
    }
}

void AppendUtf16Bytes(std::string &bytes, char16_t unit, bool big_endian) {
    const char high = static_cast<char>(unit >> 8);
    const char low = static_cast<char>(unit & 0xFF);
    bytes.push_back(big_endian ? high : low);
    bytes.push_back(big_endian ? low : high);
}

bool IsUtf16(CFStringEncoding encoding) {
    return encoding == kCFStringEncodingUTF16 || encoding == kCFStringEncodingUTF16BE ||
           encoding == kCFStringEncodingUTF16LE;
}

// Appends one character; false if the encoding lacks it.
bool AppendCharacter(std::string &bytes, std::u16string_view units, char32_t character,
                     CFStringEncoding encoding) {
    if (IsUtf16(encoding)) {
        for (const char16_t unit : units) {
            AppendUtf16Bytes(bytes, unit, encoding == kCFStringEncodingUTF16BE);
        }
        return true;
    }
    if (encoding == kCFStringEncodingUTF8) {
        if (character >= 0xD800 && character < 0xE000) {
            return false;
        }
        AppendUtf8(bytes, character);
        return true;
    }
    if (character < 0x80 || (encoding == kCFStringEncodingISOLatin1 && character < 0x100)) {
        bytes.push_back(static_cast<char>(character));
        return true;
    }
    const auto *const found = std::ranges::find(kMacRoman, character);
    if (encoding != kCFStringEncodingMacRoman || found == kMacRoman.end()) {
        return false;
    }
    bytes.push_back(static_cast<char>(0x80 + (found - kMacRoman.begin())));
    return true;
}

}  // namespace

bool IsKnownEncoding(CFStringEncoding encoding) {
    return IsUtf16(encoding) || encoding == kCFStringEncodingUTF8 ||
           encoding == kCFStringEncodingASCII || encoding == kCFStringEncodingISOLatin1 ||
           encoding == kCFStringEncodingMacRoman;
}

std::optional<std::u16string> DecodeText(std::span<const unsigned char> bytes,
                                         CFStringEncoding encoding, bool has_mark) {
    if (!IsKnownEncoding(encoding)) {
        return std::nullopt;
    }
    if (IsUtf16(encoding)) {
        return DecodeUtf16(bytes, encoding == kCFStringEncodingUTF16BE,
                           has_mark || encoding == kCFStringEncodingUTF16);
    }
    if (encoding != kCFStringEncodingUTF8) {
        return DecodeSingleBytes(bytes, encoding);
    }
    const bool marked =
        has_mark && bytes.size() >= 3 && bytes[0] == 0xEF && bytes[1] == 0xBB && bytes[2] == 0xBF;
    return DecodeUtf8(marked ? bytes.subspan(3) : bytes);
}

EncodedText EncodeText(std::u16string_view units, CFStringEncoding encoding,
                       unsigned char loss_byte, bool add_mark, std::size_t max_bytes) {
    EncodedText result = {{}, 0};
    if (!IsKnownEncoding(encoding)) {
        return result;
    }
    if (add_mark && encoding == kCFStringEncodingUTF16 && max_bytes >= 2) {
        AppendUtf16Bytes(result.bytes, kByteOrderMark, false);
    }
    std::string one;
    while (result.units_converted < units.size()) {
        const std::u16string_view rest = units.substr(result.units_converted);
        const Character character = FirstCharacter(rest);
        one.clear();
        if (!AppendCharacter(one, rest.substr(0, character.num_units), character.value, encoding)) {
            if (loss_byte == 0) {
                break;
            }
            one.push_back(static_cast<char>(loss_byte));
        }
        if (one.size() > max_bytes - result.bytes.size()) {
            break;
        }
        result.bytes += one;
        result.units_converted += character.num_units;
    }
    return result;
}

std::string EncodeUtf8(std::u16string_view units) {
    std::string bytes;
    while (!units.empty()) {
        const Character character = FirstCharacter(units);
        const bool is_lone = character.value >= 0xD800 && character.value < 0xE000;
        AppendUtf8(bytes, is_lone ? kReplacement : character.value);
        units.remove_prefix(character.num_units);
    }
    return bytes;
}

}  // namespace opendext::cf
