// SPDX-License-Identifier: Apache-2.0
/// @file IOTypes.h
/// Handle types of the IOKit library, and the mapping options of IOConnectMapMemory64.
#ifndef OPENDEXT_IOKIT_IOTYPES_H
#define OPENDEXT_IOKIT_IOTYPES_H

#include <stdbool.h>
#include <stdint.h>

#include <IOKit/IOReturn.h>
#include <mach/port.h>

/// A reference to an object of the registry: a service, an iterator, a connection or a notification. A number
/// of this process; 0 is no object. Every reference that a function returns is the caller's to release.
typedef mach_port_t io_object_t;
typedef io_object_t io_connect_t;
typedef io_object_t io_enumerator_t;
typedef io_object_t io_iterator_t;
typedef io_object_t io_registry_entry_t;
typedef io_object_t io_service_t;

/// No object.
#define IO_OBJECT_NULL ((io_object_t)0)

typedef uint32_t IOOptionBits;
typedef uint32_t IOItemCount;
typedef uint32_t IOByteCount32;
typedef uint64_t IOByteCount64;

/// Names of registry entries, properties and planes: at most 127 bytes and a NUL.
typedef char io_name_t[128];
/// A registry path: at most 511 bytes and a NUL.
typedef char io_string_t[512];
/// The values of IORegistryEntryGetProperty: at most 4096 bytes.
typedef char io_struct_inband_t[4096];
/// Words that a client passes along with an asynchronous call and gets back: callback, refcon, its own.
typedef uint64_t io_user_reference_t;
typedef uint64_t io_scalar_inband64_t[16];
typedef io_user_reference_t io_async_ref64_t[8];

/// Cache modes of a mapping: accepted by IOConnectMapMemory64.
enum {
    kIODefaultCache = 0,
    kIOInhibitCache = 1,
    kIOWriteThruCache = 2,
    kIOCopybackCache = 3,
    kIOWriteCombineCache = 4,
};

/// Options of IOConnectMapMemory64.
enum {
    kIOMapAnywhere = 0x00000001,  ///< The address argument is output only.
    kIOMapCacheMask = 0x00000f00,
    kIOMapCacheShift = 8,
    kIOMapDefaultCache = kIODefaultCache << kIOMapCacheShift,
    kIOMapInhibitCache = kIOInhibitCache << kIOMapCacheShift,
    kIOMapWriteThruCache = kIOWriteThruCache << kIOMapCacheShift,
    kIOMapCopybackCache = kIOCopybackCache << kIOMapCacheShift,
    kIOMapWriteCombineCache = kIOWriteCombineCache << kIOMapCacheShift,
    kIOMapUserOptionsMask = 0x00000fff,
};

#endif
