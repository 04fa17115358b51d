// SPDX-License-Identifier: Apache-2.0
#include "iokit/corefoundation/string.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>

#include "iokit/corefoundation/heap_string.h"
#include "iokit/corefoundation/text_encoding.h"

using opendext::cf::CheckLength;
using opendext::cf::CheckRange;
using opendext::cf::CheckType;
using opendext::cf::HeapString;
using opendext::cf::Misuse;
using opendext::cf::Object;

namespace {

void DestroyString(const Object *object) {
    delete static_cast<const HeapString *>(object);
}

bool EqualStrings(const Object *left_object, const Object *right_object) {
    const auto &left = *static_cast<const __CFString *>(left_object);
    const auto &right = *static_cast<const __CFString *>(right_object);
    if (left.length != right.length) {
        return false;
    }
    for (CFIndex i = 0; i < left.length; ++i) {
        if (left.At(i) != right.At(i)) {
            return false;
        }
    }
    return true;
}

CFHashCode HashString(const Object *object) {
    const std::u16string units = opendext::cf::ToUnits(static_cast<const __CFString *>(object));
    return opendext::cf::HashBytes(units.data(), units.size() * sizeof(char16_t));
}

std::string DescribeString(const Object *object) {
    return fmt::format("\"{}\"", opendext::cf::ToUtf8(static_cast<const __CFString *>(object)));
}

}  // namespace

// Named by the constants that the compiler makes for CFSTR; its name and linkage are given.
// NOLINTBEGIN(bugprone-reserved-identifier)
extern "C" {
extern __attribute__((visibility("default")))
const opendext::cf::ClassInfo __CFConstantStringClassReference;
constinit const opendext::cf::ClassInfo __CFConstantStringClassReference = {
    "CFString", opendext::cf::kTypeString, DestroyString, EqualStrings, HashString, DescribeString};
}
// NOLINTEND(bugprone-reserved-identifier)

namespace opendext::cf {

HeapString::HeapString(std::u16string_view units, std::uint32_t mutability, CFIndex maximum)
    : __CFString(__CFConstantStringClassReference, mutability, 1), max_length(maximum) {
    Assign(units);
}

void HeapString::Assign(std::u16string_view units) {
    length = static_cast<CFIndex>(units.size());
    if (std::ranges::all_of(units, [](char16_t unit) { return unit < 0x80; })) {
        ascii.assign(units.begin(), units.end());
        wide.clear();
        flags &= ~kIsUtf16;
        characters = ascii.c_str();
    } else {
        wide.assign(units);
        ascii.clear();
        flags |= kIsUtf16;
        characters = wide.data();
    }
}

CFStringRef NewString(std::u16string_view units) {
    return new HeapString(units, 0, 0);
}

CFStringRef NewString(std::string_view utf8) {
    return NewString(UnitsFromCText(utf8));
}

std::u16string UnitsFromCText(std::string_view text) {
    const std::span bytes(reinterpret_cast<const unsigned char *>(text.data()), text.size());
    std::optional<std::u16string> units = DecodeText(bytes, kCFStringEncodingUTF8, false);
    if (!units) {
        units = DecodeText(bytes, kCFStringEncodingMacRoman, false);
    }
    return std::move(*units);
}

std::u16string ToUnits(CFStringRef string, CFRange range) {
    std::u16string units(static_cast<std::size_t>(range.length), u'\0');
    for (CFIndex i = 0; i < range.length; ++i) {
        units[static_cast<std::size_t>(i)] = string->At(range.location + i);
    }
    return units;
}

std::u16string ToUnits(CFStringRef string) {
    return ToUnits(string, CFRangeMake(0, string->length));
}

std::string ToUtf8(CFStringRef string) {
    return string->IsUtf16() ? EncodeUtf8(ToUnits(string)) : std::string(string->Ascii());
}

}  // namespace opendext::cf

CFTypeID CFStringGetTypeID(void) {
    return opendext::cf::kTypeString;
}

CFStringRef __CFStringMakeConstantString(const char *cStr) {
    static std::mutex mutex;
    static auto *const interned = new std::map<std::string, CFStringRef, std::less<>>;
    const std::scoped_lock lock(mutex);
    if (const auto found = interned->find(cStr); found != interned->end()) {
        return found->second;
    }
    CFStringRef string = opendext::cf::NewString(cStr);
    string->references.store(opendext::cf::kImmortalReferences, std::memory_order_relaxed);
    interned->emplace(cStr, string);
    return string;
}

CFStringRef CFStringCreateWithCString(CFAllocatorRef alloc, const char *cStr,
                                      CFStringEncoding encoding) {
    if (cStr == nullptr) {
        Misuse(__func__, "the text is NULL");
    }
    const auto *const bytes = reinterpret_cast<const UInt8 *>(cStr);
    return CFStringCreateWithBytes(alloc, bytes, static_cast<CFIndex>(std::strlen(cStr)), encoding,
                                   false);
}

CFStringRef CFStringCreateWithCStringNoCopy(CFAllocatorRef alloc, const char *cStr,
                                            CFStringEncoding encoding,
                                            CFAllocatorRef contentsDeallocator) {
    CFStringRef string = CFStringCreateWithCString(alloc, cStr, encoding);
    if (string != nullptr && contentsDeallocator != kCFAllocatorNull) {
        std::free(const_cast<char *>(cStr));
    }
    return string;
}

CFStringRef CFStringCreateWithBytes(CFAllocatorRef /*alloc*/, const UInt8 *bytes, CFIndex numBytes,
                                    CFStringEncoding encoding, Boolean isExternalRepresentation) {
    CheckLength(__func__, numBytes);
    const std::optional<std::u16string> units = opendext::cf::DecodeText(
        {bytes, static_cast<std::size_t>(numBytes)}, encoding, isExternalRepresentation != 0);
    return units ? opendext::cf::NewString(*units) : nullptr;
}

CFStringRef CFStringCreateWithCharacters(CFAllocatorRef /*alloc*/, const UniChar *chars,
                                         CFIndex numChars) {
    CheckLength(__func__, numChars);
    return opendext::cf::NewString(std::u16string(chars, chars + numChars));
}

CFStringRef CFStringCreateWithSubstring(CFAllocatorRef /*alloc*/, CFStringRef str, CFRange range) {
    CheckType(__func__, str, CFStringGetTypeID());
    CheckRange(__func__, range, str->length);
    return opendext::cf::NewString(opendext::cf::ToUnits(str, range));
}

CFStringRef CFStringCreateCopy(CFAllocatorRef /*alloc*/, CFStringRef theString) {
    CheckType(__func__, theString, CFStringGetTypeID());
    if ((theString->flags & opendext::cf::kObjectIsMutable) == 0) {
        CFRetain(theString);
        return theString;
    }
    return opendext::cf::NewString(opendext::cf::ToUnits(theString));
}

CFIndex CFStringGetLength(CFStringRef theString) {
    CheckType(__func__, theString, CFStringGetTypeID());
    return theString->length;
}

UniChar CFStringGetCharacterAtIndex(CFStringRef theString, CFIndex idx) {
    CheckType(__func__, theString, CFStringGetTypeID());
    CheckRange(__func__, CFRangeMake(idx, 1), theString->length);
    return theString->At(idx);
}

void CFStringGetCharacters(CFStringRef theString, CFRange range, UniChar *buffer) {
    CheckType(__func__, theString, CFStringGetTypeID());
    CheckRange(__func__, range, theString->length);
    for (CFIndex i = 0; i < range.length; ++i) {
        buffer[i] = theString->At(range.location + i);
    }
}

Boolean CFStringGetCString(CFStringRef theString, char *buffer, CFIndex bufferSize,
                           CFStringEncoding encoding) {
    CheckType(__func__, theString, CFStringGetTypeID());
    if (buffer == nullptr || bufferSize < 1) {
        return false;
    }
    CFIndex used = 0;
    const CFIndex converted =
        CFStringGetBytes(theString, CFRangeMake(0, theString->length), encoding, 0, false,
                         reinterpret_cast<UInt8 *>(buffer), bufferSize - 1, &used);
    buffer[used] = '\0';
    return converted == theString->length && opendext::cf::IsKnownEncoding(encoding);
}

const char *CFStringGetCStringPtr(CFStringRef theString, CFStringEncoding encoding) {
    CheckType(__func__, theString, CFStringGetTypeID());
    const bool is_ascii_superset =
        encoding == kCFStringEncodingUTF8 || encoding == kCFStringEncodingASCII ||
        encoding == kCFStringEncodingMacRoman || encoding == kCFStringEncodingISOLatin1;
    return is_ascii_superset && !theString->IsUtf16()
               ? static_cast<const char *>(theString->characters)
               : nullptr;
}

CFIndex CFStringGetBytes(CFStringRef theString, CFRange range, CFStringEncoding encoding,
                         UInt8 lossByte, Boolean isExternalRepresentation, UInt8 *buffer,
                         CFIndex maxBufLen, CFIndex *usedBufLen) {
    CheckType(__func__, theString, CFStringGetTypeID());
    CheckRange(__func__, range, theString->length);
    const auto limit = static_cast<std::size_t>(
        buffer == nullptr ? opendext::cf::kLengthLimit : std::max<CFIndex>(maxBufLen, 0));
    const opendext::cf::EncodedText text =
        opendext::cf::EncodeText(opendext::cf::ToUnits(theString, range), encoding, lossByte,
                                 isExternalRepresentation != 0, limit);
    if (buffer != nullptr) {
        std::ranges::copy(text.bytes, buffer);
    }
    if (usedBufLen != nullptr) {
        *usedBufLen = static_cast<CFIndex>(text.bytes.size());
    }
    return static_cast<CFIndex>(text.units_converted);
}

CFIndex CFStringGetMaximumSizeForEncoding(CFIndex length, CFStringEncoding encoding) {
    const CFIndex factor =
        encoding == kCFStringEncodingUTF8 ? 3
        : (encoding == kCFStringEncodingUTF16 || encoding == kCFStringEncodingUTF16BE ||
           encoding == kCFStringEncodingUTF16LE)
            ? 2
            : 1;
    CFIndex size = 0;
    return __builtin_mul_overflow(length, factor, &size) ? kCFNotFound : size;
}

CFStringEncoding CFStringGetSystemEncoding(void) {
    return kCFStringEncodingMacRoman;
}

Boolean CFStringIsEncodingAvailable(CFStringEncoding encoding) {
    return opendext::cf::IsKnownEncoding(encoding);
}
