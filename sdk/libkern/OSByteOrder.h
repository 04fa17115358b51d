// SPDX-License-Identifier: Apache-2.0
/// @file libkern/OSByteOrder.h
/// Byte order of 16, 32 and 64-bit numbers. Hosts are little-endian.
#ifndef OPENDEXT_LIBKERN_OSBYTEORDER_H
#define OPENDEXT_LIBKERN_OSBYTEORDER_H

#include <stdint.h>

enum {
    OSUnknownByteOrder,
    OSLittleEndian,
    OSBigEndian,
};

/// The number with its bytes in the opposite order.
#define OSSwapConstInt16(x) ((uint16_t)__builtin_bswap16((uint16_t)(x)))
#define OSSwapConstInt32(x) ((uint32_t)__builtin_bswap32((uint32_t)(x)))
#define OSSwapConstInt64(x) ((uint64_t)__builtin_bswap64((uint64_t)(x)))
#define OSSwapInt16(x) OSSwapConstInt16(x)
#define OSSwapInt32(x) OSSwapConstInt32(x)
#define OSSwapInt64(x) OSSwapConstInt64(x)

#define OSHostByteOrder() ((int32_t)OSLittleEndian)

/// Between the host's order and big-endian.
#define OSSwapHostToBigConstInt16(x) OSSwapConstInt16(x)
#define OSSwapHostToBigConstInt32(x) OSSwapConstInt32(x)
#define OSSwapHostToBigConstInt64(x) OSSwapConstInt64(x)
#define OSSwapHostToBigInt16(x) OSSwapInt16(x)
#define OSSwapHostToBigInt32(x) OSSwapInt32(x)
#define OSSwapHostToBigInt64(x) OSSwapInt64(x)
#define OSSwapBigToHostConstInt16(x) OSSwapConstInt16(x)
#define OSSwapBigToHostConstInt32(x) OSSwapConstInt32(x)
#define OSSwapBigToHostConstInt64(x) OSSwapConstInt64(x)
#define OSSwapBigToHostInt16(x) OSSwapInt16(x)
#define OSSwapBigToHostInt32(x) OSSwapInt32(x)
#define OSSwapBigToHostInt64(x) OSSwapInt64(x)

/// Between the host's order and little-endian: the same number.
#define OSSwapHostToLittleConstInt16(x) ((uint16_t)(x))
#define OSSwapHostToLittleConstInt32(x) ((uint32_t)(x))
#define OSSwapHostToLittleConstInt64(x) ((uint64_t)(x))
#define OSSwapHostToLittleInt16(x) ((uint16_t)(x))
#define OSSwapHostToLittleInt32(x) ((uint32_t)(x))
#define OSSwapHostToLittleInt64(x) ((uint64_t)(x))
#define OSSwapLittleToHostConstInt16(x) ((uint16_t)(x))
#define OSSwapLittleToHostConstInt32(x) ((uint32_t)(x))
#define OSSwapLittleToHostConstInt64(x) ((uint64_t)(x))
#define OSSwapLittleToHostInt16(x) ((uint16_t)(x))
#define OSSwapLittleToHostInt32(x) ((uint32_t)(x))
#define OSSwapLittleToHostInt64(x) ((uint64_t)(x))

/// Unaligned access at `base + offset` bytes, in the named order.
static inline uint16_t OSReadLittleInt16(const volatile void *base, uintptr_t offset) {
    uint16_t value;
    __builtin_memcpy(&value, (const char *)(uintptr_t)base + offset, sizeof(value));
    return value;
}
static inline uint32_t OSReadLittleInt32(const volatile void *base, uintptr_t offset) {
    uint32_t value;
    __builtin_memcpy(&value, (const char *)(uintptr_t)base + offset, sizeof(value));
    return value;
}
static inline uint64_t OSReadLittleInt64(const volatile void *base, uintptr_t offset) {
    uint64_t value;
    __builtin_memcpy(&value, (const char *)(uintptr_t)base + offset, sizeof(value));
    return value;
}
/// Unaligned read at `base + offset` bytes, most significant byte first.
static inline uint16_t OSReadBigInt16(const volatile void *base, uintptr_t offset) {
    return OSSwapInt16(OSReadLittleInt16(base, offset));
}
static inline uint32_t OSReadBigInt32(const volatile void *base, uintptr_t offset) {
    return OSSwapInt32(OSReadLittleInt32(base, offset));
}
static inline uint64_t OSReadBigInt64(const volatile void *base, uintptr_t offset) {
    return OSSwapInt64(OSReadLittleInt64(base, offset));
}
/// Unaligned write at `base + offset` bytes, least significant byte first.
static inline void OSWriteLittleInt16(volatile void *base, uintptr_t offset, uint16_t value) {
    __builtin_memcpy((char *)(uintptr_t)base + offset, &value, sizeof(value));
}
static inline void OSWriteLittleInt32(volatile void *base, uintptr_t offset, uint32_t value) {
    __builtin_memcpy((char *)(uintptr_t)base + offset, &value, sizeof(value));
}
static inline void OSWriteLittleInt64(volatile void *base, uintptr_t offset, uint64_t value) {
    __builtin_memcpy((char *)(uintptr_t)base + offset, &value, sizeof(value));
}
/// Unaligned write at `base + offset` bytes, most significant byte first.
static inline void OSWriteBigInt16(volatile void *base, uintptr_t offset, uint16_t value) {
    OSWriteLittleInt16(base, offset, OSSwapInt16(value));
}
static inline void OSWriteBigInt32(volatile void *base, uintptr_t offset, uint32_t value) {
    OSWriteLittleInt32(base, offset, OSSwapInt32(value));
}
static inline void OSWriteBigInt64(volatile void *base, uintptr_t offset, uint64_t value) {
    OSWriteLittleInt64(base, offset, OSSwapInt64(value));
}

#endif
