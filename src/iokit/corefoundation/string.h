// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CoreFoundation/CFString.h>

#include <string>
#include <string_view>

#include "iokit/corefoundation/object.h"

// A string: ASCII bytes, or UTF-16 units if it holds anything else. Immutable ones may be read by any thread.
// The first fields are laid out by the compiler for CFSTR constants, which have nothing after them: read a
// string only through these fields.
struct __CFString : opendext::cf::Object {
    using Object::Object;
    static constexpr std::uint32_t kIsUtf16 = 0x10;  // The bit of `flags` that the compiler sets.

    const void *characters = nullptr;  // char[length + 1], or char16_t[length] with kIsUtf16.
    CFIndex length = 0;                // UTF-16 units.

    [[nodiscard]] bool IsUtf16() const { return (flags & kIsUtf16) != 0; }
    [[nodiscard]] char16_t At(CFIndex index) const {
        return IsUtf16() ? static_cast<const char16_t *>(characters)[index]
                         : static_cast<const unsigned char *>(characters)[index];
    }
    // Only for ASCII strings.
    [[nodiscard]] std::string_view Ascii() const {
        return {static_cast<const char *>(characters), static_cast<std::size_t>(length)};
    }
};

namespace opendext::cf {

// A new immutable string (+1) from UTF-8; bytes that are not UTF-8 are read as Mac Roman.
[[nodiscard]] CFStringRef NewString(std::string_view utf8);

// A new immutable string (+1) of any units.
[[nodiscard]] CFStringRef NewString(std::u16string_view units);

// UTF-16 from UTF-8; bytes that are not UTF-8 are read as Mac Roman.
[[nodiscard]] std::u16string UnitsFromCText(std::string_view text);

// The units of a string, and of a part of it.
[[nodiscard]] std::u16string ToUnits(CFStringRef string);
[[nodiscard]] std::u16string ToUnits(CFStringRef string, CFRange range);

// The string as UTF-8; lone surrogates become U+FFFD.
[[nodiscard]] std::string ToUtf8(CFStringRef string);

}  // namespace opendext::cf
