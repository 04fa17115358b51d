// SPDX-License-Identifier: Apache-2.0
/// @file CFData.h
/// Byte buffers as objects. Lengths and positions are in bytes; a range that leaves the data ends the process.
#ifndef OPENDEXT_COREFOUNDATION_CFDATA_H
#define OPENDEXT_COREFOUNDATION_CFDATA_H

#include <CoreFoundation/CFBase.h>

CF_EXTERN_C_BEGIN

typedef const struct __CFData *CFDataRef;
typedef struct __CFData *CFMutableDataRef;

/// The type id of data objects, mutable or not.
CF_EXPORT CFTypeID CFDataGetTypeID(void);

/// Data with a copy of `length` bytes. +1. `bytes` may be NULL if `length` is 0.
CF_EXPORT CFDataRef CFDataCreate(CFAllocatorRef allocator, const UInt8 *bytes,
                                 CFIndex length) CF_RETURNS_RETAINED;

/// Data on the caller's own bytes, which must stay unchanged while the object lives. +1.
/// `bytesDeallocator`: kCFAllocatorNull leaves the bytes to the caller; any other frees them with free().
CF_EXPORT CFDataRef CFDataCreateWithBytesNoCopy(CFAllocatorRef allocator, const UInt8 *bytes,
                                                CFIndex length, CFAllocatorRef bytesDeallocator)
    CF_RETURNS_RETAINED;

/// An immutable copy. +1; an immutable original is retained instead.
CF_EXPORT CFDataRef CFDataCreateCopy(CFAllocatorRef allocator,
                                     CFDataRef theData) CF_RETURNS_RETAINED;

/// Empty mutable data. +1. `capacity` 0: no limit; else it may not grow above that many bytes.
CF_EXPORT CFMutableDataRef CFDataCreateMutable(CFAllocatorRef allocator,
                                               CFIndex capacity) CF_RETURNS_RETAINED;

/// A mutable copy. +1. `capacity` as for CFDataCreateMutable, and at least the original's length.
CF_EXPORT CFMutableDataRef CFDataCreateMutableCopy(CFAllocatorRef allocator, CFIndex capacity,
                                                   CFDataRef theData) CF_RETURNS_RETAINED;

/// The number of bytes.
CF_EXPORT CFIndex CFDataGetLength(CFDataRef theData);

/// The bytes themselves, valid until the data changes or goes. May be NULL if the length is 0.
CF_EXPORT const UInt8 *CFDataGetBytePtr(CFDataRef theData);

/// The bytes of mutable data, for writing; valid until its length changes or it goes.
CF_EXPORT UInt8 *CFDataGetMutableBytePtr(CFMutableDataRef theData);

/// Copies the bytes of `range` to `buffer`.
CF_EXPORT void CFDataGetBytes(CFDataRef theData, CFRange range, UInt8 *buffer);

/// Cuts the data, or extends it with zeros, to `length` bytes.
CF_EXPORT void CFDataSetLength(CFMutableDataRef theData, CFIndex length);

/// Extends the data by `extraLength` zeros.
CF_EXPORT void CFDataIncreaseLength(CFMutableDataRef theData, CFIndex extraLength);

/// Adds a copy of `length` bytes at the end.
CF_EXPORT void CFDataAppendBytes(CFMutableDataRef theData, const UInt8 *bytes, CFIndex length);

/// Puts a copy of `newLength` bytes in the place of those of `range`.
CF_EXPORT void CFDataReplaceBytes(CFMutableDataRef theData, CFRange range, const UInt8 *newBytes,
                                  CFIndex newLength);

/// Takes the bytes of `range` out.
CF_EXPORT void CFDataDeleteBytes(CFMutableDataRef theData, CFRange range);

CF_EXTERN_C_END

#endif
