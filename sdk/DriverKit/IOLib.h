// SPDX-License-Identifier: Apache-2.0
/// @file DriverKit/IOLib.h
/// Memory, locks, delays and logging for drivers, and the small part of the C library that comes with them.
/// Any thread may call anything here.
#ifndef OPENDEXT_DRIVERKIT_IOLIB_H
#define OPENDEXT_DRIVERKIT_IOLIB_H

#include <assert.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <libkern/OSByteOrder.h>
#include <mach/error.h>
#include <mach/mach_time.h>
#include <os/log.h>

#include <DriverKit/IOReturn.h>
#include <DriverKit/IOTypes.h>
#if defined(__cplusplus) && !__IIG
#include <DriverKit/OSMetaClass.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

/// Bytes of a page, and its mask and shift. Constant from program start, also in constructors.
extern const uint64_t IOVMPageSize;

/// `size` bytes, aligned for any type, from the allocator of malloc and operator new: what either gives may be
/// freed by the other. @return NULL when memory is short.
void *IOMalloc(size_t size);

/// As IOMalloc, zero-filled.
void *IOMallocZero(size_t size);

/// Frees memory of IOMalloc, IONew or operator new. @param size what it was allocated with. NULL is ignored.
void IOFree(void *address, size_t size);

/// `count` times `size` bytes, zero-filled or not; NULL also when the product does not fit.
void *IOMallocArray(size_t size, size_t count, bool zero);

/// Memory for `count` objects of `type`. Constructors do not run. NULL when memory is short.
#define IONew(type, count) ((type *)IOMallocArray(sizeof(type), (count), false))

/// As IONew, zero-filled.
#define IONewZero(type, count) ((type *)IOMallocArray(sizeof(type), (count), true))

/// Frees memory of IONew. Destructors do not run. `ptr` is evaluated once.
#define IODelete(ptr, type, count) IOFree((ptr), sizeof(type) * (count))

/// Frees memory of IONew unless it is NULL, and sets `ptr` to NULL.
#define IOSafeDeleteNULL(ptr, type, count)  \
    do {                                    \
        if ((ptr) != NULL) {                \
            IODelete((ptr), type, (count)); \
            (ptr) = NULL;                   \
        }                                   \
    } while (0)

/// What the original's allocator is told of an allocation's type; not used here.
typedef unsigned long long malloc_type_id_t;

/// As IOMalloc.
void *IOMallocTyped(size_t size, malloc_type_id_t type);
/// As IOMallocZero.
void *IOMallocZeroTyped(size_t size, malloc_type_id_t type);

/// Memory for one zero-filled object of `type`, and its return.
#define IOMallocType(type) IONewZero(type, 1)
#define IOFreeType(ptr, type) IODelete(ptr, type, 1)

/// Sleeps for at least `milliseconds`.
void IOSleep(uint64_t milliseconds);

/// Spins for at least `microseconds`. For short waits for hardware.
void IODelay(uint64_t microseconds);

/// A log line by printf's rules, as os_log to OS_LOG_DEFAULT. @return the length of the line.
int IOLog(const char *format, ...);
/// As IOLog, with a va_list.
int IOLogv(const char *format, va_list arguments);

/// Logs `size` bytes as hexadecimal numbers and text, 16 a line, each line with `title` and its offset.
void IOLogBuffer(const char *title, const void *buffer, size_t size);

/// Logs a line by printf's rules, then the calls that led here, one a line.
void OSReportWithBacktrace(const char *format, ...) __attribute__((format(printf, 1, 2)));

/// Logs a line by printf's rules and ends the process with SIGABRT.
__attribute__((noreturn, format(printf, 1, 2))) void panic(const char *format, ...);

/// An argument of the kernel's command line, `name=value`.
/// @param arg_ptr receives the number: 1, 2, 4 or 8 bytes, as max_len says. Decimal, 0x, 0 and 0b, with an optional
///        minus. A name without a value is 1.
/// @return false: it is not there, or its value is no number.
bool IOParseBootArgNumber(const char *arg_string, void *arg_ptr, int max_len);

/// As above, as text. @param strlen bytes that arg_ptr has room for: a longer value is cut.
bool IOParseBootArgString(const char *arg_string, char *arg_ptr, int strlen);

/// Fills a buffer with random bytes, good enough for keys.
void read_random(void *buffer, size_t numBytes);

/// The CRC-32 of Ethernet and zip (reflected polynomial 0xEDB88320) of `size` bytes, behind those that gave `crc`; 0
/// to begin with.
uint32_t crc32(uint32_t crc, const void *buf, size_t size);

/// The product of numbers with 16 bits behind the point. What is beyond the range wraps.
static inline IOFixed IOFixedMultiply(IOFixed a, IOFixed b) {
    return (IOFixed)(((int64_t)a * b) >> 16);
}
/// Their quotient; `b` is not 0.
static inline IOFixed IOFixedDivide(IOFixed a, IOFixed b) {
    return (IOFixed)(((int64_t)a << 16) / b);
}

/// Whether IOCallOnce has run its block. Zero at first.
struct IOCallOnceFlag {
    intptr_t opaque;
};
#if defined(__BLOCKS__)
typedef void (^IOCallOnceBlock)(void);
/// Runs `block` unless one has been run for that flag; waits for one that is running.
void IOCallOnce(struct IOCallOnceFlag *flag, IOCallOnceBlock block);
#endif

/// A new key, by which each thread has a value of its own, NULL at first.
/// @return kIOReturnBadArgument for NULL; kIOReturnNoMemory.
kern_return_t IOThreadLocalStorageKeyCreate(uint64_t *key);
/// Ends a key. @return kIOReturnBadArgument for one that is none.
kern_return_t IOThreadLocalStorageKeyDelete(uint64_t key);
/// Sets the calling thread's value. @return kIOReturnBadArgument for a key that is none; kIOReturnNoMemory.
kern_return_t IOThreadLocalStorageSet(uint64_t key, const void *value);
/// The calling thread's value; NULL also for a key that is none.
void *IOThreadLocalStorageGet(uint64_t key);

/// Orders all earlier accesses to memory and devices before all later ones.
static inline void OSSynchronizeIO(void) {
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/// A mutual exclusion lock. Not recursive: locking twice on one thread ends the process with a line that says so.
typedef struct IOLock IOLock;

typedef enum {
    kIOLockAssertOwned = 1,
    kIOLockAssertNotOwned = 2,
} IOLockAssertState;

/// @return NULL when memory is short.
IOLock *IOLockAlloc(void);
/// The lock must be free. NULL is ignored.
void IOLockFree(IOLock *lock);
/// Waits until the lock is free and takes it. Any thread that does not hold it.
void IOLockLock(IOLock *lock);
/// @return true when the lock was taken.
bool IOLockTryLock(IOLock *lock);
/// Gives the lock up. On a thread that does not hold it, the process ends with a line that says so.
void IOLockUnlock(IOLock *lock);
/// Ends the process with a line that says so when the calling thread does not hold the lock (or does hold it).
void IOLockAssert(IOLock *lock, IOLockAssertState type);

/// A lock that its owner may take again; it is free after as many unlocks.
typedef struct IORecursiveLock IORecursiveLock;

/// A free lock, for IORecursiveLockFree; NULL when memory is short.
IORecursiveLock *IORecursiveLockAlloc(void);
/// The lock must be free. NULL is ignored.
void IORecursiveLockFree(IORecursiveLock *lock);
/// Waits until no other thread holds the lock, and takes it (once more).
void IORecursiveLockLock(IORecursiveLock *lock);
/// Does not wait. @return true when the lock was taken (once more).
bool IORecursiveLockTryLock(IORecursiveLock *lock);
/// Undoes one lock. On a thread that does not hold it, the process ends with a line that says so.
void IORecursiveLockUnlock(IORecursiveLock *lock);
/// Whether the calling thread holds the lock.
bool IORecursiveLockHaveLock(const IORecursiveLock *lock);

/// Another kind of IORecursiveLock.
typedef struct IORecursiveConditionLock IORecursiveConditionLock;

/// As IORecursiveLockAlloc.
IORecursiveConditionLock *IORecursiveConditionLockAlloc(void);
/// As IORecursiveLockFree.
void IORecursiveConditionLockFree(IORecursiveConditionLock *lock);
/// As IORecursiveLockLock.
void IORecursiveConditionLockLock(IORecursiveConditionLock *lock);
/// As IORecursiveLockTryLock.
bool IORecursiveConditionLockTryLock(IORecursiveConditionLock *lock);
/// As IORecursiveLockUnlock.
void IORecursiveConditionLockUnlock(IORecursiveConditionLock *lock);
/// As IORecursiveLockHaveLock.
bool IORecursiveConditionLockHaveLock(const IORecursiveConditionLock *lock);

/// A lock for one writer or many readers.
typedef struct IORWLock IORWLock;

/// A free lock, for IORWLockFree; NULL when memory is short.
IORWLock *IORWLockAlloc(void);
/// The lock must be free. NULL is ignored.
void IORWLockFree(IORWLock *lock);
/// Waits until no writer holds the lock, and joins its readers.
void IORWLockRead(IORWLock *lock);
/// Waits until nobody holds the lock, and takes it alone.
void IORWLockWrite(IORWLock *lock);
/// Ends what IORWLockRead or IORWLockWrite of this thread began.
void IORWLockUnlock(IORWLock *lock);

/// Free a lock, and set the variable that held it to NULL.
#define IOLockFreeZero(lock) \
    do {                     \
        IOLockFree(lock);    \
        (lock) = NULL;       \
    } while (0)
#define IORecursiveLockFreeZero(lock) \
    do {                              \
        IORecursiveLockFree(lock);    \
        (lock) = NULL;                \
    } while (0)
#define IORWLockFreeZero(lock) \
    do {                       \
        IORWLockFree(lock);    \
        (lock) = NULL;         \
    } while (0)

#ifdef __cplusplus
}
#endif

#endif
