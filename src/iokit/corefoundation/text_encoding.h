// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CoreFoundation/CFString.h>

#include <cstddef>
#include <optional>
#include <span>
#include <string>

// Converts text between bytes in one of the encodings of CFString.h and UTF-16. Pure functions: any thread.
namespace opendext::cf {

// Whether the functions below know the encoding.
[[nodiscard]] bool IsKnownEncoding(CFStringEncoding encoding);

// All of `bytes` as UTF-16, or nothing if they are not valid in `encoding`. `has_mark`: a byte order mark in
// front is read and dropped. The plain UTF-16 encoding always reads one.
[[nodiscard]] std::optional<std::u16string> DecodeText(std::span<const unsigned char> bytes,
                                                       CFStringEncoding encoding, bool has_mark);

struct EncodedText {
    std::string bytes;
    std::size_t
        units_converted;  // Less than the input if a character was missing or `max_bytes` was reached.
};

// UTF-16 as bytes, at most `max_bytes`. `loss_byte`, unless 0, replaces each character that the encoding
// lacks; with 0 the conversion ends there. `add_mark`: UTF-16 gets a byte order mark.
[[nodiscard]] EncodedText EncodeText(std::u16string_view units, CFStringEncoding encoding,
                                     unsigned char loss_byte, bool add_mark, std::size_t max_bytes);

// The UTF-8 of any units; lone surrogates become U+FFFD.
[[nodiscard]] std::string EncodeUtf8(std::u16string_view units);

}  // namespace opendext::cf
