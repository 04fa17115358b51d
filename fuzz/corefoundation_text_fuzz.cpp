// SPDX-License-Identifier: Apache-2.0
// Reads the input as text in an encoding that its first byte chooses, and the result as a format. What was read
// must come back as the same units when it is written and read again.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "iokit/corefoundation/format.h"
#include "iokit/corefoundation/text_encoding.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    constexpr std::array<CFStringEncoding, 6> kEncodings = {
        kCFStringEncodingUTF8,      kCFStringEncodingASCII,   kCFStringEncodingMacRoman,
        kCFStringEncodingISOLatin1, kCFStringEncodingUTF16BE, kCFStringEncodingUTF16LE};
    if (size == 0) {
        return 0;
    }
    const CFStringEncoding encoding = kEncodings[data[0] % kEncodings.size()];
    const bool has_mark = (data[0] & 0x80) != 0;
    const auto units = opendext::cf::DecodeText({data + 1, size - 1}, encoding, has_mark);
    if (!units) {
        return 0;
    }
    const auto text = opendext::cf::EncodeText(*units, encoding, 0, false, size_t{1} << 40);
    const std::span bytes(reinterpret_cast<const unsigned char *>(text.bytes.data()),
                          text.bytes.size());
    if (text.units_converted != units->size() ||
        opendext::cf::DecodeText(bytes, encoding, false) != units) {
        std::abort();
    }
    const auto format = opendext::cf::ParseFormat(*units);
    if (format && format->pieces.empty() != units->empty()) {
        std::abort();
    }
    return 0;
}
