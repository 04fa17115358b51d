// SPDX-License-Identifier: Apache-2.0
/// @file CFArray.h
/// Ordered lists of pointer-sized values. An index or range outside the array ends the process.
#ifndef OPENDEXT_COREFOUNDATION_CFARRAY_H
#define OPENDEXT_COREFOUNDATION_CFARRAY_H

#include <CoreFoundation/CFBase.h>

CF_EXTERN_C_BEGIN

typedef const struct __CFArray *CFArrayRef;
typedef struct __CFArray *CFMutableArrayRef;

/// Called when a value is put in; returns what the collection keeps. NULL: the value is kept as it is.
typedef const void *(*CFArrayRetainCallBack)(CFAllocatorRef allocator, const void *value);
/// Called when a value leaves. NULL: nothing is done.
typedef void (*CFArrayReleaseCallBack)(CFAllocatorRef allocator, const void *value);
/// A text (+1) for CFCopyDescription. NULL: the value's address.
typedef CFStringRef (*CFArrayCopyDescriptionCallBack)(const void *value);
/// Whether two values are equal. NULL: the same pointer.
typedef Boolean (*CFArrayEqualCallBack)(const void *value1, const void *value2);

/// How an array treats its values. Copied when the array is made. `version` must be 0.
typedef struct {
    CFIndex version;
    CFArrayRetainCallBack retain;
    CFArrayReleaseCallBack release;
    CFArrayCopyDescriptionCallBack copyDescription;
    CFArrayEqualCallBack equal;
} CFArrayCallBacks;

/// For values that are CoreFoundation objects: CFRetain, CFRelease, CFCopyDescription, CFEqual.
CF_EXPORT const CFArrayCallBacks kCFTypeArrayCallBacks;

/// Called for each value by CFArrayApplyFunction.
typedef void (*CFArrayApplierFunction)(const void *value, void *context);

/// The type id of arrays, mutable or not.
CF_EXPORT CFTypeID CFArrayGetTypeID(void);

/// An array of the `numValues` values at `values`. +1. NULL callbacks: plain pointers, never retained.
CF_EXPORT CFArrayRef CFArrayCreate(CFAllocatorRef allocator, const void **values, CFIndex numValues,
                                   const CFArrayCallBacks *callBacks) CF_RETURNS_RETAINED;

/// An immutable copy with the same callbacks; the values are retained, not copied. +1.
CF_EXPORT CFArrayRef CFArrayCreateCopy(CFAllocatorRef allocator,
                                       CFArrayRef theArray) CF_RETURNS_RETAINED;

/// An empty mutable array without limit. +1. `capacity` is a hint only.
CF_EXPORT CFMutableArrayRef CFArrayCreateMutable(CFAllocatorRef allocator, CFIndex capacity,
                                                 const CFArrayCallBacks *callBacks)
    CF_RETURNS_RETAINED;

/// A mutable copy with the same callbacks; the values are retained, not copied. +1. `capacity` is a hint only.
CF_EXPORT CFMutableArrayRef CFArrayCreateMutableCopy(CFAllocatorRef allocator, CFIndex capacity,
                                                     CFArrayRef theArray) CF_RETURNS_RETAINED;

/// The number of values.
CF_EXPORT CFIndex CFArrayGetCount(CFArrayRef theArray);

/// How many values in `range` equal `value`.
CF_EXPORT CFIndex CFArrayGetCountOfValue(CFArrayRef theArray, CFRange range, const void *value);

/// Whether `range` holds a value equal to `value`.
CF_EXPORT Boolean CFArrayContainsValue(CFArrayRef theArray, CFRange range, const void *value);

/// The value at `idx`. +0.
CF_EXPORT const void *CFArrayGetValueAtIndex(CFArrayRef theArray, CFIndex idx);

/// Copies the values of `range` to `values` (room for range.length pointers). +0.
CF_EXPORT void CFArrayGetValues(CFArrayRef theArray, CFRange range, const void **values);

/// Calls `applier` for each value of `range`, in order. It must not change the array.
CF_EXPORT void CFArrayApplyFunction(CFArrayRef theArray, CFRange range,
                                    CFArrayApplierFunction applier, void *context);

/// The lowest index in `range` of a value equal to `value`, or kCFNotFound.
CF_EXPORT CFIndex CFArrayGetFirstIndexOfValue(CFArrayRef theArray, CFRange range,
                                              const void *value);

/// The highest index in `range` of a value equal to `value`, or kCFNotFound.
CF_EXPORT CFIndex CFArrayGetLastIndexOfValue(CFArrayRef theArray, CFRange range, const void *value);

/// Adds a value at the end; retained through the callbacks.
CF_EXPORT void CFArrayAppendValue(CFMutableArrayRef theArray, const void *value);

/// Adds the values of `otherRange` of `otherArray` at the end.
CF_EXPORT void CFArrayAppendArray(CFMutableArrayRef theArray, CFArrayRef otherArray,
                                  CFRange otherRange);

/// Puts a value before index `idx`, which may be the count.
CF_EXPORT void CFArrayInsertValueAtIndex(CFMutableArrayRef theArray, CFIndex idx,
                                         const void *value);

/// Replaces the value at `idx`; with `idx` equal to the count, adds it.
CF_EXPORT void CFArraySetValueAtIndex(CFMutableArrayRef theArray, CFIndex idx, const void *value);

/// Takes the value at `idx` out and releases it.
CF_EXPORT void CFArrayRemoveValueAtIndex(CFMutableArrayRef theArray, CFIndex idx);

/// Takes all values out and releases them.
CF_EXPORT void CFArrayRemoveAllValues(CFMutableArrayRef theArray);

/// Swaps two values.
CF_EXPORT void CFArrayExchangeValuesAtIndices(CFMutableArrayRef theArray, CFIndex idx1,
                                              CFIndex idx2);

/// Sorts the values of `range`; equal ones keep their order.
CF_EXPORT void CFArraySortValues(CFMutableArrayRef theArray, CFRange range,
                                 CFComparatorFunction comparator, void *context);

CF_EXTERN_C_END

#endif
