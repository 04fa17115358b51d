// SPDX-License-Identifier: Apache-2.0
/// @file CFNumber.h
/// Numbers and booleans as objects. Immutable: any thread may read them.
#ifndef OPENDEXT_COREFOUNDATION_CFNUMBER_H
#define OPENDEXT_COREFOUNDATION_CFNUMBER_H

#include <CoreFoundation/CFBase.h>

CF_EXTERN_C_BEGIN

typedef const struct __CFBoolean *CFBooleanRef;
typedef const struct __CFNumber *CFNumberRef;

/// The two boolean objects; they live for ever and are compared by address.
CF_EXPORT const CFBooleanRef kCFBooleanTrue;
CF_EXPORT const CFBooleanRef kCFBooleanFalse;

/// The type id of booleans.
CF_EXPORT CFTypeID CFBooleanGetTypeID(void);

/// The value of a boolean object.
CF_EXPORT Boolean CFBooleanGetValue(CFBooleanRef boolean);

/// What a number's value pointer points to. Numbers keep one of the first six (fixed width); the C types
/// after them stand for the one of the first six that has their size.
typedef enum CFNumberType : CFIndex {
    kCFNumberSInt8Type = 1,
    kCFNumberSInt16Type = 2,
    kCFNumberSInt32Type = 3,
    kCFNumberSInt64Type = 4,
    kCFNumberFloat32Type = 5,
    kCFNumberFloat64Type = 6,
    kCFNumberCharType = 7,
    kCFNumberShortType = 8,
    kCFNumberIntType = 9,
    kCFNumberLongType = 10,
    kCFNumberLongLongType = 11,
    kCFNumberFloatType = 12,
    kCFNumberDoubleType = 13,
    kCFNumberCFIndexType = 14,
    kCFNumberNSIntegerType = 15,
    kCFNumberCGFloatType = 16,
    kCFNumberMaxType = 16,
} CFNumberType;

/// The infinities and not-a-number, as numbers of kCFNumberFloat64Type. They live for ever.
CF_EXPORT const CFNumberRef kCFNumberPositiveInfinity;
CF_EXPORT const CFNumberRef kCFNumberNegativeInfinity;
CF_EXPORT const CFNumberRef kCFNumberNaN;

/// The type id of numbers.
CF_EXPORT CFTypeID CFNumberGetTypeID(void);

/// A number with a copy of the value of type `theType` at `valuePtr`, which needs no alignment. +1.
/// An unknown type or a NULL pointer ends the process.
CF_EXPORT CFNumberRef CFNumberCreate(CFAllocatorRef allocator, CFNumberType theType,
                                     const void *valuePtr) CF_RETURNS_RETAINED;

/// The fixed-width type that the number was made with: kCFNumberIntType reads back as kCFNumberSInt32Type.
CF_EXPORT CFNumberType CFNumberGetType(CFNumberRef number);

/// Bytes of the number's own type.
CF_EXPORT CFIndex CFNumberGetByteSize(CFNumberRef number);

/// Whether the number's own type is a floating-point one.
CF_EXPORT Boolean CFNumberIsFloatType(CFNumberRef number);

/// Converts the number to `theType` and stores it at `valuePtr`.
/// Returns false if the conversion lost something (out of range, or a fraction was dropped): an approximate
/// value is stored all the same (integers out of range are cut to the low bits, floats go to the nearest end).
CF_EXPORT Boolean CFNumberGetValue(CFNumberRef number, CFNumberType theType, void *valuePtr);

/// The order of two numbers by value, whatever their types. NaN compares as equal to NaN and, against a
/// number, as greater than a negative one and less than any other. `context` is not used; pass NULL.
CF_EXPORT CFComparisonResult CFNumberCompare(CFNumberRef number, CFNumberRef otherNumber,
                                             void *context);

CF_EXTERN_C_END

#endif
