// SPDX-License-Identifier: Apache-2.0
/// @file CFBase.h
/// The ground that every CoreFoundation type stands on: scalar types, ranges, and counted, typed objects.
///
/// Ownership, for every function of this folder: a function with "Create" or "Copy" in its name returns an
/// object with one reference for the caller (+1), to be given back with CFRelease. A function with "Get" in
/// its name returns a borrowed object (+0) that stays valid while its owner does. Collections retain what is
/// put into them if their callbacks say so (the kCFType... callbacks do).
/// Threads: CFRetain and CFRelease may be called from any thread. An immutable object may be read from any
/// number of threads; a mutable one belongs to one thread at a time. Run loops say their own rules.
/// Errors: misuse that no program can go on from (a NULL object, an index out of range, a change of an
/// immutable object) prints one line that names the function and ends the process with abort().
#ifndef OPENDEXT_COREFOUNDATION_CFBASE_H
#define OPENDEXT_COREFOUNDATION_CFBASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#if defined(__has_include)
#if __has_include(<TargetConditionals.h>)
#include <TargetConditionals.h>
#endif
#if __has_include(<Availability.h>)
#include <Availability.h>
#endif
#endif

#if defined(__cplusplus)
#define CF_EXTERN_C_BEGIN extern "C" {
#define CF_EXTERN_C_END }
#else
#define CF_EXTERN_C_BEGIN
#define CF_EXTERN_C_END
#endif

#define CF_EXPORT extern __attribute__((__visibility__("default")))
#define CF_INLINE static __inline__ __attribute__((__always_inline__))

/// Ownership marks for the static analyser.
#if defined(__clang__)
#define CF_RETURNS_RETAINED __attribute__((cf_returns_retained))
#define CF_RETURNS_NOT_RETAINED __attribute__((cf_returns_not_retained))
#define CF_CONSUMED __attribute__((cf_consumed))
#define CF_RELEASES_ARGUMENT __attribute__((cf_consumed))
#else
#define CF_RETURNS_RETAINED
#define CF_RETURNS_NOT_RETAINED
#define CF_CONSUMED
#define CF_RELEASES_ARGUMENT
#endif

#ifndef TRUE
#define TRUE 1
#endif
#ifndef FALSE
#define FALSE 0
#endif

CF_EXTERN_C_BEGIN

typedef unsigned char Boolean;
typedef unsigned char UInt8;
typedef signed char SInt8;
typedef unsigned short UInt16;
typedef signed short SInt16;
typedef unsigned int UInt32;
typedef signed int SInt32;
typedef unsigned long long UInt64;
typedef signed long long SInt64;
typedef float Float32;
typedef double Float64;
typedef SInt32 OSStatus;
typedef SInt16 OSErr;
typedef UInt32 FourCharCode;
typedef FourCharCode OSType;
typedef UInt16 UniChar;
typedef unsigned long UniCharCount;
typedef UInt32 UTF32Char;
typedef UInt16 UTF16Char;
typedef UInt8 UTF8Char;

enum { noErr = 0 };

/// Identifies a class of objects. Stable while the process runs, not across versions.
typedef unsigned long CFTypeID;
typedef unsigned long CFOptionFlags;
typedef unsigned long CFHashCode;
/// Counts, indices and sizes: signed, 64 bits.
typedef signed long CFIndex;

/// Any CoreFoundation object.
typedef const void *CFTypeRef;
typedef const struct __CFString *CFStringRef;
typedef struct __CFString *CFMutableStringRef;
/// A string, number, boolean, data, array or dictionary.
typedef CFTypeRef CFPropertyListRef;
typedef const struct __CFAllocator *CFAllocatorRef;
typedef const struct __CFNull *CFNullRef;

/// The order of two values.
typedef enum CFComparisonResult : CFIndex {
    kCFCompareLessThan = -1L,
    kCFCompareEqualTo = 0,
    kCFCompareGreaterThan = 1,
} CFComparisonResult;

/// Orders two values for sorting; `context` is what the caller of the sort passed.
typedef CFComparisonResult (*CFComparatorFunction)(const void *val1, const void *val2,
                                                   void *context);

/// "No such index": what searches return when they find nothing.
static const CFIndex kCFNotFound = -1;

/// `length` elements from index `location` on.
typedef struct {
    CFIndex location;
    CFIndex length;
} CFRange;

/// A range from its two parts.
CF_INLINE CFRange CFRangeMake(CFIndex loc, CFIndex len) {
    CFRange range;
    range.location = loc;
    range.length = len;
    return range;
}

// ---- Allocators ----
// Every function that takes an allocator accepts any of these and takes memory from malloc. Only two places
// look at the value: CFDataCreateWithBytesNoCopy's and CFStringCreateWithCStringNoCopy's `deallocator`
// (kCFAllocatorNull: the bytes stay the caller's; any other: free() when the object goes).

/// NULL: the default, malloc.
CF_EXPORT const CFAllocatorRef kCFAllocatorDefault;
CF_EXPORT const CFAllocatorRef kCFAllocatorSystemDefault;
CF_EXPORT const CFAllocatorRef kCFAllocatorMalloc;
CF_EXPORT const CFAllocatorRef kCFAllocatorMallocZone;
/// As a deallocator: never frees.
CF_EXPORT const CFAllocatorRef kCFAllocatorNull;

/// The type id of allocators.
CF_EXPORT CFTypeID CFAllocatorGetTypeID(void);

/// The allocator that kCFAllocatorDefault stands for. +0, never NULL.
CF_EXPORT CFAllocatorRef CFAllocatorGetDefault(void);

// ---- Null ----

/// The one null object, for collections that cannot hold NULL. Lives for ever.
CF_EXPORT const CFNullRef kCFNull;

/// The type id of kCFNull.
CF_EXPORT CFTypeID CFNullGetTypeID(void);

// ---- Every object ----

/// Adds a reference and returns `cf`. Constants (CFSTR, kCFBooleanTrue, kCFNull) ignore it. `cf` must not be NULL.
CF_EXPORT CFTypeRef CFRetain(CFTypeRef cf);

/// Drops a reference; the last one destroys the object on this thread. `cf` must not be NULL.
CF_EXPORT void CFRelease(CFTypeRef cf);

/// The number of references, for debugging; LONG_MAX for a constant.
CF_EXPORT CFIndex CFGetRetainCount(CFTypeRef cf);

/// The id of the object's type: compare it with CFStringGetTypeID() and its like before a cast.
CF_EXPORT CFTypeID CFGetTypeID(CFTypeRef cf);

/// The name of a type, such as "CFString". +1. NULL if `type_id` is unknown.
CF_EXPORT CFStringRef CFCopyTypeIDDescription(CFTypeID type_id) CF_RETURNS_RETAINED;

/// Whether two objects are of the same type and have equal contents. Neither may be NULL.
CF_EXPORT Boolean CFEqual(CFTypeRef cf1, CFTypeRef cf2);

/// A hash that is equal for equal objects. Of a mutable object it changes with the contents.
CF_EXPORT CFHashCode CFHash(CFTypeRef cf);

/// A text for a person: type, address and contents. +1. Not for parsing.
CF_EXPORT CFStringRef CFCopyDescription(CFTypeRef cf) CF_RETURNS_RETAINED;

/// Prints a string's contents, or another object's description, and a newline to stderr. NULL prints "(null)".
CF_EXPORT void CFShow(CFTypeRef obj);

/// The allocator that the object was made with: always the default one. +0.
CF_EXPORT CFAllocatorRef CFGetAllocator(CFTypeRef cf);

CF_EXTERN_C_END

#endif
