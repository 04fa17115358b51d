// SPDX-License-Identifier: Apache-2.0
/// @file dispatch.h
/// The part of libdispatch that client programs use: queues, semaphores and delays.
///
/// Ownership: a created object has one reference for the caller, given back with dispatch_release; work that
/// is queued keeps its queue. The main and global queues live for ever. Any thread may call anything here.
/// Work runs with no lock held. An exception or longjmp must not leave it.
#ifndef OPENDEXT_DISPATCH_DISPATCH_H
#define OPENDEXT_DISPATCH_DISPATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <unistd.h>

#define DISPATCH_EXPORT extern __attribute__((__visibility__("default")))

#if defined(__cplusplus)
/// Any dispatch object. Only pointers to it are of use.
typedef struct dispatch_object_s {
    dispatch_object_s() = delete;
} *dispatch_object_t;
/// A queue, +0 or +1 as the function that gives it says.
typedef struct dispatch_queue_s : public dispatch_object_s{} * dispatch_queue_t;
/// A counting semaphore, from dispatch_semaphore_create.
typedef struct dispatch_semaphore_s : public dispatch_object_s{} * dispatch_semaphore_t;
typedef struct dispatch_queue_attr_s *dispatch_queue_attr_t;
extern "C" {
#else
typedef struct dispatch_queue_s *dispatch_queue_t;
typedef struct dispatch_semaphore_s *dispatch_semaphore_t;
typedef struct dispatch_queue_attr_s *dispatch_queue_attr_t;
/// Any dispatch object.
typedef union {
    struct dispatch_object_s *_do;
    struct dispatch_queue_s *_dq;
    struct dispatch_semaphore_s *_dsema;
} dispatch_object_t __attribute__((__transparent_union__));
#endif

typedef dispatch_queue_t dispatch_queue_global_t;
typedef dispatch_queue_t dispatch_queue_main_t;
typedef dispatch_queue_t dispatch_queue_serial_t;
typedef dispatch_queue_t dispatch_queue_concurrent_t;

/// Work as a function: called with the context that was queued with it.
typedef void (*dispatch_function_t)(void *context);
#if defined(__BLOCKS__)
/// Work as a block; copied when queued.
typedef void (^dispatch_block_t)(void);
#endif

// ---- Objects ----

/// Adds a reference.
DISPATCH_EXPORT void dispatch_retain(dispatch_object_t object);

/// Drops a reference; an object that is queued on or waited for stays until that is over.
DISPATCH_EXPORT void dispatch_release(dispatch_object_t object);

// ---- Time ----

/// A point in time: 0 is now, ~0 is never, else nanoseconds of the monotonic clock.
typedef uint64_t dispatch_time_t;

#define DISPATCH_TIME_NOW (0ull)
#define DISPATCH_TIME_FOREVER (~0ull)

#ifndef NSEC_PER_SEC
#define NSEC_PER_SEC 1000000000ull
#endif
#ifndef NSEC_PER_MSEC
#define NSEC_PER_MSEC 1000000ull
#endif
#ifndef USEC_PER_SEC
#define USEC_PER_SEC 1000000ull
#endif
#ifndef NSEC_PER_USEC
#define NSEC_PER_USEC 1000ull
#endif

/// The time `delta` nanoseconds after `when` (DISPATCH_TIME_NOW: after now). Too large gives
/// DISPATCH_TIME_FOREVER, before the clock's start gives a time that is past.
DISPATCH_EXPORT dispatch_time_t dispatch_time(dispatch_time_t when, int64_t delta);

// ---- Queues ----

/// One piece of work at a time, first in, first out.
#define DISPATCH_QUEUE_SERIAL ((dispatch_queue_attr_t)0)
/// Pieces of work start in order and may run together.
#define DISPATCH_QUEUE_CONCURRENT (&_dispatch_queue_attr_concurrent)
DISPATCH_EXPORT struct dispatch_queue_attr_s _dispatch_queue_attr_concurrent;

#define DISPATCH_QUEUE_PRIORITY_HIGH 2
#define DISPATCH_QUEUE_PRIORITY_DEFAULT 0
#define DISPATCH_QUEUE_PRIORITY_LOW (-2)
#define DISPATCH_QUEUE_PRIORITY_BACKGROUND INT16_MIN

typedef unsigned int dispatch_qos_class_t;
typedef unsigned int qos_class_t;
enum {
    QOS_CLASS_USER_INTERACTIVE = 0x21,
    QOS_CLASS_USER_INITIATED = 0x19,
    QOS_CLASS_DEFAULT = 0x15,
    QOS_CLASS_UTILITY = 0x11,
    QOS_CLASS_BACKGROUND = 0x09,
    QOS_CLASS_UNSPECIFIED = 0x00,
};

/// A queue of its own, serial or concurrent by `attr`. +1. `label` is copied; NULL counts as "".
DISPATCH_EXPORT dispatch_queue_t dispatch_queue_create(const char *label,
                                                       dispatch_queue_attr_t attr);

/// The label; valid while the queue lives.
DISPATCH_EXPORT const char *dispatch_queue_get_label(dispatch_queue_t queue);

/// The serial queue of the main thread, served by CFRunLoopRun there or by dispatch_main.
DISPATCH_EXPORT dispatch_queue_main_t dispatch_get_main_queue(void);

/// A concurrent queue that all share. `identifier` is a priority or a quality of service; all of them share
/// one set of threads. NULL if it is neither, or if `flags` is not 0.
DISPATCH_EXPORT dispatch_queue_global_t dispatch_get_global_queue(intptr_t identifier,
                                                                  uintptr_t flags);

/// Queues work and returns at once.
DISPATCH_EXPORT void dispatch_async_f(dispatch_queue_t queue, void *context,
                                      dispatch_function_t work);

/// Queues work and returns when it has run. On a serial queue of one's own, the work runs on the calling
/// thread when its turn comes. From work on the same serial queue, and for the main queue from the main
/// thread, this could never end: the process is aborted with a line that says so.
DISPATCH_EXPORT void dispatch_sync_f(dispatch_queue_t queue, void *context,
                                     dispatch_function_t work);

/// Queues work at the time `when`.
DISPATCH_EXPORT void dispatch_after_f(dispatch_time_t when, dispatch_queue_t queue, void *context,
                                      dispatch_function_t work);

#if defined(__BLOCKS__)
/// As dispatch_async_f, with a block.
DISPATCH_EXPORT void dispatch_async(dispatch_queue_t queue, dispatch_block_t block);

/// As dispatch_sync_f, with a block.
DISPATCH_EXPORT void dispatch_sync(dispatch_queue_t queue, dispatch_block_t block);

/// As dispatch_after_f, with a block.
DISPATCH_EXPORT void dispatch_after(dispatch_time_t when, dispatch_queue_t queue,
                                    dispatch_block_t block);
#endif

/// Serves the main queue for ever. Only on the main thread.
DISPATCH_EXPORT void dispatch_main(void) __attribute__((__noreturn__));

// ---- Semaphores ----

/// A semaphore with `value` permits. +1. NULL if `value` is negative.
DISPATCH_EXPORT dispatch_semaphore_t dispatch_semaphore_create(intptr_t value);

/// Takes a permit, waiting until `timeout` for one. 0 if it got one, else not 0.
DISPATCH_EXPORT intptr_t dispatch_semaphore_wait(dispatch_semaphore_t dsema,
                                                 dispatch_time_t timeout);

/// Gives a permit. Not 0 if a thread was waiting for it.
DISPATCH_EXPORT intptr_t dispatch_semaphore_signal(dispatch_semaphore_t dsema);

#if defined(__cplusplus)
}
#endif

#endif
