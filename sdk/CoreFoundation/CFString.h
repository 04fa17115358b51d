// SPDX-License-Identifier: Apache-2.0
/// @file CFString.h
/// Unicode strings. Lengths, indices and ranges count UTF-16 units; buffers are counted in bytes. A range
/// outside the string ends the process.
#ifndef OPENDEXT_COREFOUNDATION_CFSTRING_H
#define OPENDEXT_COREFOUNDATION_CFSTRING_H

#include <CoreFoundation/CFArray.h>
#include <CoreFoundation/CFBase.h>
#include <CoreFoundation/CFData.h>
#include <CoreFoundation/CFDictionary.h>
#include <stdarg.h>

CF_EXTERN_C_BEGIN

/// Names an encoding of text.
typedef UInt32 CFStringEncoding;

#define kCFStringEncodingInvalidId (0xffffffffU)

/// The encodings that every function here accepts. Another value counts as a failed conversion.
typedef enum CFStringBuiltInEncodings : CFStringEncoding {
    kCFStringEncodingMacRoman = 0,
    kCFStringEncodingISOLatin1 = 0x0201,
    kCFStringEncodingASCII = 0x0600,
    kCFStringEncodingUnicode =
        0x0100,  ///< UTF-16 in the machine's order (or as a byte order mark says).
    kCFStringEncodingUTF8 = 0x08000100,
    kCFStringEncodingUTF16 = 0x0100,  ///< The same as kCFStringEncodingUnicode.
    kCFStringEncodingUTF16BE = 0x10000100,
    kCFStringEncodingUTF16LE = 0x14000100,
} CFStringBuiltInEncodings;

/// How strings are compared and searched; other bits are ignored.
typedef CFOptionFlags CFStringCompareFlags;
enum : CFStringCompareFlags {
    kCFCompareCaseInsensitive = 1,
    kCFCompareBackwards = 4,  ///< Searches: from the end.
    kCFCompareAnchored = 8,   ///< Searches: only at the start (with Backwards: at the end).
    kCFCompareNumerically =
        64,  ///< Runs of digits compare by their value: "file9" before "file10".
};

/// A constant string from a literal: usable in expressions and as the initialiser of a static variable.
/// Lives for ever; retain and release do nothing.
#if defined(__clang__)
#define CFSTR(cStr) ((CFStringRef)__builtin___CFStringMakeConstantString("" cStr ""))
#else
#define CFSTR(cStr) __CFStringMakeConstantString("" cStr "")
#endif

/// What CFSTR calls where the compiler cannot make the constant: the one string for that UTF-8 text, +0,
/// made at the first call and kept for ever.
CF_EXPORT CFStringRef __CFStringMakeConstantString(const char *cStr);

/// The type id of strings, mutable or not.
CF_EXPORT CFTypeID CFStringGetTypeID(void);

// ---- Making strings ----

/// A string from NUL-terminated text. +1. NULL if the text is not valid in `encoding`.
CF_EXPORT CFStringRef CFStringCreateWithCString(CFAllocatorRef alloc, const char *cStr,
                                                CFStringEncoding encoding) CF_RETURNS_RETAINED;

/// As CFStringCreateWithCString; the text is copied all the same, and freed with free() at once unless
/// `contentsDeallocator` is kCFAllocatorNull. +1. On NULL the text stays the caller's.
CF_EXPORT CFStringRef
CFStringCreateWithCStringNoCopy(CFAllocatorRef alloc, const char *cStr, CFStringEncoding encoding,
                                CFAllocatorRef contentsDeallocator) CF_RETURNS_RETAINED;

/// A string from `numBytes` bytes, which may hold NULs. +1. NULL if they are not valid in `encoding`.
/// `isExternalRepresentation`: a byte order mark in front is read and dropped.
CF_EXPORT CFStringRef CFStringCreateWithBytes(CFAllocatorRef alloc, const UInt8 *bytes,
                                              CFIndex numBytes, CFStringEncoding encoding,
                                              Boolean isExternalRepresentation) CF_RETURNS_RETAINED;

/// A string of `numChars` UTF-16 units. +1.
CF_EXPORT CFStringRef CFStringCreateWithCharacters(CFAllocatorRef alloc, const UniChar *chars,
                                                   CFIndex numChars) CF_RETURNS_RETAINED;

/// The units of `range` as a string of their own. +1.
CF_EXPORT CFStringRef CFStringCreateWithSubstring(CFAllocatorRef alloc, CFStringRef str,
                                                  CFRange range) CF_RETURNS_RETAINED;

/// An immutable copy. +1; an immutable original is retained instead.
CF_EXPORT CFStringRef CFStringCreateCopy(CFAllocatorRef alloc,
                                         CFStringRef theString) CF_RETURNS_RETAINED;

/// A string from a format: printf's conversions, `%@` for an object (a string's contents, else its
/// description; NULL prints "(null)"), and positions (`%2$d`). `%s` is UTF-8, `%C` and `%S` are UTF-16. +1.
/// `formatOptions` must be NULL. A conversion that is not known ends the process.
CF_EXPORT CFStringRef CFStringCreateWithFormat(CFAllocatorRef alloc, CFDictionaryRef formatOptions,
                                               CFStringRef format, ...) CF_RETURNS_RETAINED;

/// As CFStringCreateWithFormat, with a va_list, which is used up. +1.
CF_EXPORT CFStringRef CFStringCreateWithFormatAndArguments(CFAllocatorRef alloc,
                                                           CFDictionaryRef formatOptions,
                                                           CFStringRef format,
                                                           va_list arguments) CF_RETURNS_RETAINED;

/// An empty mutable string. +1. `maxLength` 0: no limit; else it may not grow above that many units.
CF_EXPORT CFMutableStringRef CFStringCreateMutable(CFAllocatorRef alloc,
                                                   CFIndex maxLength) CF_RETURNS_RETAINED;

/// A mutable copy. +1. `maxLength` as for CFStringCreateMutable.
CF_EXPORT CFMutableStringRef CFStringCreateMutableCopy(CFAllocatorRef alloc, CFIndex maxLength,
                                                       CFStringRef theString) CF_RETURNS_RETAINED;

// ---- Reading ----

/// The number of UTF-16 units.
CF_EXPORT CFIndex CFStringGetLength(CFStringRef theString);

/// The unit at `idx`.
CF_EXPORT UniChar CFStringGetCharacterAtIndex(CFStringRef theString, CFIndex idx);

/// Copies the units of `range` to `buffer`.
CF_EXPORT void CFStringGetCharacters(CFStringRef theString, CFRange range, UniChar *buffer);

/// Writes the string, NUL-terminated, to a buffer of `bufferSize` bytes. False, with the buffer empty or cut
/// short, if it does not fit or has a character that `encoding` lacks.
CF_EXPORT Boolean CFStringGetCString(CFStringRef theString, char *buffer, CFIndex bufferSize,
                                     CFStringEncoding encoding);

/// The string's own bytes, NUL-terminated, valid until it changes or goes: for a string of ASCII characters
/// only, in UTF-8, ASCII, MacRoman or ISO Latin 1. Else NULL: use CFStringGetCString.
CF_EXPORT const char *CFStringGetCStringPtr(CFStringRef theString, CFStringEncoding encoding);

/// Converts the units of `range`; returns how many were converted. `lossByte`, unless 0, stands for each
/// character that `encoding` lacks; with 0 the conversion ends there. `buffer` NULL: only counts; else it has
/// room for `maxBufLen` bytes. `usedBufLen`, unless NULL, gets the bytes needed or written.
/// `isExternalRepresentation`: UTF-16 starts with a byte order mark.
CF_EXPORT CFIndex CFStringGetBytes(CFStringRef theString, CFRange range, CFStringEncoding encoding,
                                   UInt8 lossByte, Boolean isExternalRepresentation, UInt8 *buffer,
                                   CFIndex maxBufLen, CFIndex *usedBufLen);

/// The most bytes that `length` units can need in `encoding`, without a NUL; kCFNotFound if that overflows.
CF_EXPORT CFIndex CFStringGetMaximumSizeForEncoding(CFIndex length, CFStringEncoding encoding);

/// The encoding of plain C text: kCFStringEncodingMacRoman.
CF_EXPORT CFStringEncoding CFStringGetSystemEncoding(void);

/// Whether the functions here convert to and from `encoding`.
CF_EXPORT Boolean CFStringIsEncodingAvailable(CFStringEncoding encoding);

// ---- Comparing and searching ----

/// The order of two strings by their UTF-16 units, or as `compareOptions` say.
CF_EXPORT CFComparisonResult CFStringCompare(CFStringRef theString1, CFStringRef theString2,
                                             CFStringCompareFlags compareOptions);

/// The first place (with kCFCompareBackwards the last) of `stringToFind`; {kCFNotFound, 0} if there is none or
/// it is empty.
CF_EXPORT CFRange CFStringFind(CFStringRef theString, CFStringRef stringToFind,
                               CFStringCompareFlags compareOptions);

/// Whether the string starts with `prefix`.
CF_EXPORT Boolean CFStringHasPrefix(CFStringRef theString, CFStringRef prefix);

/// Whether the string ends with `suffix`.
CF_EXPORT Boolean CFStringHasSuffix(CFStringRef theString, CFStringRef suffix);

/// The decimal integer at the start, after spaces; 0 if there is none, INT32_MAX or INT32_MIN if too large.
CF_EXPORT SInt32 CFStringGetIntValue(CFStringRef str);

/// The decimal number at the start, after spaces; 0.0 if there is none. The locale does not matter.
CF_EXPORT double CFStringGetDoubleValue(CFStringRef str);

// ---- Changing ----

/// Adds another string at the end.
CF_EXPORT void CFStringAppend(CFMutableStringRef theString, CFStringRef appendedString);

/// Adds `numChars` UTF-16 units at the end.
CF_EXPORT void CFStringAppendCharacters(CFMutableStringRef theString, const UniChar *chars,
                                        CFIndex numChars);

/// Adds NUL-terminated text at the end; text that is not valid in `encoding` ends the process.
CF_EXPORT void CFStringAppendCString(CFMutableStringRef theString, const char *cStr,
                                     CFStringEncoding encoding);

/// Adds formatted text at the end: see CFStringCreateWithFormat.
CF_EXPORT void CFStringAppendFormat(CFMutableStringRef theString, CFDictionaryRef formatOptions,
                                    CFStringRef format, ...);

/// Puts a string before unit `idx`.
CF_EXPORT void CFStringInsert(CFMutableStringRef str, CFIndex idx, CFStringRef insertedStr);

/// Takes the units of `range` out.
CF_EXPORT void CFStringDelete(CFMutableStringRef theString, CFRange range);

/// Puts `replacement` in the place of the units of `range`.
CF_EXPORT void CFStringReplace(CFMutableStringRef theString, CFRange range,
                               CFStringRef replacement);

/// Puts `replacement` in the place of everything.
CF_EXPORT void CFStringReplaceAll(CFMutableStringRef theString, CFStringRef replacement);

CF_EXTERN_C_END

#endif
