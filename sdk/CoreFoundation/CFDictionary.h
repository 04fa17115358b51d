// SPDX-License-Identifier: Apache-2.0
/// @file CFDictionary.h
/// Maps from pointer-sized keys to pointer-sized values. The order of entries means nothing.
#ifndef OPENDEXT_COREFOUNDATION_CFDICTIONARY_H
#define OPENDEXT_COREFOUNDATION_CFDICTIONARY_H

#include <CoreFoundation/CFBase.h>

CF_EXTERN_C_BEGIN

typedef const struct __CFDictionary *CFDictionaryRef;
typedef struct __CFDictionary *CFMutableDictionaryRef;

/// Called when a key or value is put in; returns what the dictionary keeps. NULL: it is kept as it is.
typedef const void *(*CFDictionaryRetainCallBack)(CFAllocatorRef allocator, const void *value);
/// Called when a key or value leaves. NULL: nothing is done.
typedef void (*CFDictionaryReleaseCallBack)(CFAllocatorRef allocator, const void *value);
/// A text (+1) for CFCopyDescription. NULL: the address.
typedef CFStringRef (*CFDictionaryCopyDescriptionCallBack)(const void *value);
/// Whether two keys or values are equal. NULL: the same pointer.
typedef Boolean (*CFDictionaryEqualCallBack)(const void *value1, const void *value2);
/// A hash, equal for equal keys. NULL: the address.
typedef CFHashCode (*CFDictionaryHashCallBack)(const void *value);

/// How a dictionary treats its keys. Copied when the dictionary is made. `version` must be 0.
typedef struct {
    CFIndex version;
    CFDictionaryRetainCallBack retain;
    CFDictionaryReleaseCallBack release;
    CFDictionaryCopyDescriptionCallBack copyDescription;
    CFDictionaryEqualCallBack equal;
    CFDictionaryHashCallBack hash;
} CFDictionaryKeyCallBacks;

/// How a dictionary treats its values. Copied when the dictionary is made. `version` must be 0.
typedef struct {
    CFIndex version;
    CFDictionaryRetainCallBack retain;
    CFDictionaryReleaseCallBack release;
    CFDictionaryCopyDescriptionCallBack copyDescription;
    CFDictionaryEqualCallBack equal;
} CFDictionaryValueCallBacks;

/// For keys that are CoreFoundation objects.
CF_EXPORT const CFDictionaryKeyCallBacks kCFTypeDictionaryKeyCallBacks;
/// As kCFTypeDictionaryKeyCallBacks for keys that are strings, which are copied on the way in.
CF_EXPORT const CFDictionaryKeyCallBacks kCFCopyStringDictionaryKeyCallBacks;
/// For values that are CoreFoundation objects.
CF_EXPORT const CFDictionaryValueCallBacks kCFTypeDictionaryValueCallBacks;

/// Called for each entry by CFDictionaryApplyFunction.
typedef void (*CFDictionaryApplierFunction)(const void *key, const void *value, void *context);

/// The type id of dictionaries, mutable or not.
CF_EXPORT CFTypeID CFDictionaryGetTypeID(void);

/// A dictionary of `numValues` entries, keys and values in parallel arrays. +1. Of equal keys the first counts.
/// NULL callbacks: plain pointers, never retained.
CF_EXPORT CFDictionaryRef
CFDictionaryCreate(CFAllocatorRef allocator, const void **keys, const void **values,
                   CFIndex numValues, const CFDictionaryKeyCallBacks *keyCallBacks,
                   const CFDictionaryValueCallBacks *valueCallBacks) CF_RETURNS_RETAINED;

/// An immutable copy with the same callbacks; keys and values are retained, not copied. +1.
CF_EXPORT CFDictionaryRef CFDictionaryCreateCopy(CFAllocatorRef allocator,
                                                 CFDictionaryRef theDict) CF_RETURNS_RETAINED;

/// An empty mutable dictionary without limit. +1. `capacity` is a hint only.
CF_EXPORT CFMutableDictionaryRef CFDictionaryCreateMutable(
    CFAllocatorRef allocator, CFIndex capacity, const CFDictionaryKeyCallBacks *keyCallBacks,
    const CFDictionaryValueCallBacks *valueCallBacks) CF_RETURNS_RETAINED;

/// A mutable copy with the same callbacks; keys and values are retained, not copied. +1.
CF_EXPORT CFMutableDictionaryRef CFDictionaryCreateMutableCopy(
    CFAllocatorRef allocator, CFIndex capacity, CFDictionaryRef theDict) CF_RETURNS_RETAINED;

/// The number of entries.
CF_EXPORT CFIndex CFDictionaryGetCount(CFDictionaryRef theDict);

/// 1 if there is an entry for `key`, else 0.
CF_EXPORT CFIndex CFDictionaryGetCountOfKey(CFDictionaryRef theDict, const void *key);

/// How many entries have a value equal to `value`.
CF_EXPORT CFIndex CFDictionaryGetCountOfValue(CFDictionaryRef theDict, const void *value);

/// Whether there is an entry for `key`.
CF_EXPORT Boolean CFDictionaryContainsKey(CFDictionaryRef theDict, const void *key);

/// Whether an entry has a value equal to `value`.
CF_EXPORT Boolean CFDictionaryContainsValue(CFDictionaryRef theDict, const void *value);

/// The value for `key`, or NULL if there is none. +0.
CF_EXPORT const void *CFDictionaryGetValue(CFDictionaryRef theDict, const void *key);

/// Whether there is an entry for `key`; its value (+0) is stored at `value` unless that is NULL.
CF_EXPORT Boolean CFDictionaryGetValueIfPresent(CFDictionaryRef theDict, const void *key,
                                                const void **value);

/// Copies all keys and values (+0) to parallel arrays with room for the count. Either may be NULL.
CF_EXPORT void CFDictionaryGetKeysAndValues(CFDictionaryRef theDict, const void **keys,
                                            const void **values);

/// Calls `applier` for each entry. It must not change the dictionary.
CF_EXPORT void CFDictionaryApplyFunction(CFDictionaryRef theDict,
                                         CFDictionaryApplierFunction applier, void *context);

/// Adds an entry; does nothing if there is one for `key`.
CF_EXPORT void CFDictionaryAddValue(CFMutableDictionaryRef theDict, const void *key,
                                    const void *value);

/// Adds an entry, or replaces the value of the one for `key` (which keeps its key object).
CF_EXPORT void CFDictionarySetValue(CFMutableDictionaryRef theDict, const void *key,
                                    const void *value);

/// Replaces the value of the entry for `key`; does nothing if there is none.
CF_EXPORT void CFDictionaryReplaceValue(CFMutableDictionaryRef theDict, const void *key,
                                        const void *value);

/// Takes the entry for `key` out and releases key and value; does nothing if there is none.
CF_EXPORT void CFDictionaryRemoveValue(CFMutableDictionaryRef theDict, const void *key);

/// Takes all entries out and releases them.
CF_EXPORT void CFDictionaryRemoveAllValues(CFMutableDictionaryRef theDict);

CF_EXTERN_C_END

#endif
