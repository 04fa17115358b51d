// SPDX-License-Identifier: Apache-2.0
#include <cstring>

#include "iokit/corefoundation/format.h"
#include "iokit/corefoundation/heap_string.h"
#include "iokit/corefoundation/text_encoding.h"

using opendext::cf::CheckLength;
using opendext::cf::CheckRange;
using opendext::cf::CheckType;
using opendext::cf::HeapString;
using opendext::cf::Misuse;
using opendext::cf::ToUnits;

namespace {

HeapString &Editable(const char *function, CFMutableStringRef string) {
    CheckType(function, string, CFStringGetTypeID());
    opendext::cf::CheckMutable(function, *string);
    return *static_cast<HeapString *>(string);
}

void ReplaceUnits(const char *function, CFMutableStringRef string, CFRange range,
                  std::u16string_view replacement) {
    HeapString &target = Editable(function, string);
    CheckRange(function, range, target.length);
    const CFIndex new_length =
        target.length - range.length + static_cast<CFIndex>(replacement.size());
    if (target.max_length != 0 && new_length > target.max_length) {
        Misuse(function, "the string would grow to {} units, above its maximum of {}", new_length,
               target.max_length);
    }
    std::u16string units = ToUnits(string);
    units.replace(static_cast<std::size_t>(range.location), static_cast<std::size_t>(range.length),
                  replacement);
    target.Assign(units);
}

void AppendUnits(const char *function, CFMutableStringRef string, std::u16string_view units) {
    ReplaceUnits(function, string, CFRangeMake(Editable(function, string).length, 0), units);
}

}  // namespace

CFMutableStringRef CFStringCreateMutable(CFAllocatorRef /*alloc*/, CFIndex maxLength) {
    CheckLength(__func__, maxLength);
    return new HeapString({}, opendext::cf::kObjectIsMutable, maxLength);
}

CFMutableStringRef CFStringCreateMutableCopy(CFAllocatorRef alloc, CFIndex maxLength,
                                             CFStringRef theString) {
    CheckType(__func__, theString, CFStringGetTypeID());
    CFMutableStringRef copy = CFStringCreateMutable(alloc, maxLength);
    AppendUnits(__func__, copy, ToUnits(theString));
    return copy;
}

void CFStringAppend(CFMutableStringRef theString, CFStringRef appendedString) {
    CheckType(__func__, appendedString, CFStringGetTypeID());
    AppendUnits(__func__, theString, ToUnits(appendedString));
}

void CFStringAppendCharacters(CFMutableStringRef theString, const UniChar *chars,
                              CFIndex numChars) {
    CheckLength(__func__, numChars);
    AppendUnits(__func__, theString, std::u16string(chars, chars + numChars));
}

void CFStringAppendCString(CFMutableStringRef theString, const char *cStr,
                           CFStringEncoding encoding) {
    const auto *const bytes = reinterpret_cast<const unsigned char *>(cStr);
    const std::optional<std::u16string> units =
        opendext::cf::DecodeText({bytes, std::strlen(cStr)}, encoding, false);
    if (!units) {
        Misuse(__func__, "the text is not valid in encoding {:#x}", encoding);
    }
    AppendUnits(__func__, theString, *units);
}

void CFStringInsert(CFMutableStringRef str, CFIndex idx, CFStringRef insertedStr) {
    CFStringReplace(str, CFRangeMake(idx, 0), insertedStr);
}

void CFStringDelete(CFMutableStringRef theString, CFRange range) {
    ReplaceUnits(__func__, theString, range, {});
}

void CFStringReplace(CFMutableStringRef theString, CFRange range, CFStringRef replacement) {
    CheckType(__func__, replacement, CFStringGetTypeID());
    ReplaceUnits(__func__, theString, range, ToUnits(replacement));
}

void CFStringReplaceAll(CFMutableStringRef theString, CFStringRef replacement) {
    CFStringReplace(theString, CFRangeMake(0, Editable(__func__, theString).length), replacement);
}

CFStringRef CFStringCreateWithFormatAndArguments(CFAllocatorRef /*alloc*/,
                                                 CFDictionaryRef formatOptions, CFStringRef format,
                                                 va_list arguments) {
    CheckType(__func__, format, CFStringGetTypeID());
    if (formatOptions != nullptr) {
        Misuse(__func__, "formatOptions must be NULL");
    }
    return opendext::cf::NewString(opendext::cf::FormatText(ToUnits(format), arguments));
}

CFStringRef CFStringCreateWithFormat(CFAllocatorRef alloc, CFDictionaryRef formatOptions,
                                     CFStringRef format, ...) {
    va_list arguments;
    va_start(arguments, format);
    CFStringRef string =
        CFStringCreateWithFormatAndArguments(alloc, formatOptions, format, arguments);
    va_end(arguments);
    return string;
}

void CFStringAppendFormat(CFMutableStringRef theString, CFDictionaryRef formatOptions,
                          CFStringRef format, ...) {
    va_list arguments;
    va_start(arguments, format);
    CFStringRef text =
        CFStringCreateWithFormatAndArguments(kCFAllocatorDefault, formatOptions, format, arguments);
    va_end(arguments);
    AppendUnits(__func__, theString, ToUnits(text));
    CFRelease(text);
}
