// SPDX-License-Identifier: Apache-2.0
/// @file CFRunLoop.h
/// Run loops: each thread has one, and runs what its sources, timers and blocks ask for while it runs.
///
/// All callbacks come on the loop's own thread, inside CFRunLoopRun or CFRunLoopRunInMode, with no lock held:
/// they may call anything here, run the loop again included. Any thread may add, remove, signal, invalidate,
/// stop and wake. A thread's run loop goes with the thread, unless retained.
/// A mode is a named set of sources, timers and blocks, of which a run serves one. Adding to
/// kCFRunLoopCommonModes adds to every common mode, now and later; the default mode is one.
/// On the main thread the main dispatch queue is served in every common mode, except in a run that work of
/// that queue started, and counts as a source: such a run never ends because the mode is empty.
#ifndef OPENDEXT_COREFOUNDATION_CFRUNLOOP_H
#define OPENDEXT_COREFOUNDATION_CFRUNLOOP_H

#include <CoreFoundation/CFArray.h>
#include <CoreFoundation/CFBase.h>
#include <CoreFoundation/CFDate.h>
#include <CoreFoundation/CFString.h>

CF_EXTERN_C_BEGIN

typedef CFStringRef CFRunLoopMode;
typedef struct __CFRunLoop *CFRunLoopRef;
typedef struct __CFRunLoopSource *CFRunLoopSourceRef;
typedef struct __CFRunLoopTimer *CFRunLoopTimerRef;

/// Why CFRunLoopRunInMode returned.
typedef enum CFRunLoopRunResult : SInt32 {
    kCFRunLoopRunFinished = 1,       ///< The mode has no sources, timers or blocks.
    kCFRunLoopRunStopped = 2,        ///< CFRunLoopStop.
    kCFRunLoopRunTimedOut = 3,       ///< The time is over.
    kCFRunLoopRunHandledSource = 4,  ///< A source was served, and the caller asked to return then.
} CFRunLoopRunResult;

CF_EXPORT const CFRunLoopMode kCFRunLoopDefaultMode;
/// Not a mode: stands for all common modes when adding and removing. A run in it finishes at once.
CF_EXPORT const CFRunLoopMode kCFRunLoopCommonModes;

// ---- Run loops ----

/// The type id of run loops.
CF_EXPORT CFTypeID CFRunLoopGetTypeID(void);

/// The calling thread's run loop. +0; made at the first call.
CF_EXPORT CFRunLoopRef CFRunLoopGetCurrent(void);

/// The main thread's run loop. +0. Any thread.
CF_EXPORT CFRunLoopRef CFRunLoopGetMain(void);

/// The mode that `rl` is running in, or NULL. +1.
CF_EXPORT CFRunLoopMode CFRunLoopCopyCurrentMode(CFRunLoopRef rl) CF_RETURNS_RETAINED;

/// Makes `mode` a common mode: it gets all that was and will be added to kCFRunLoopCommonModes.
CF_EXPORT void CFRunLoopAddCommonMode(CFRunLoopRef rl, CFRunLoopMode mode);

/// Runs the calling thread's loop in the default mode until it is stopped or the mode is empty.
CF_EXPORT void CFRunLoopRun(void);

/// Runs the calling thread's loop in `mode` for at most `seconds` (0: one pass without waiting).
/// `returnAfterSourceHandled`: returns as soon as one source was served (timers and blocks do not count).
CF_EXPORT CFRunLoopRunResult CFRunLoopRunInMode(CFRunLoopMode mode, CFTimeInterval seconds,
                                                Boolean returnAfterSourceHandled);

/// Whether the loop's thread is waiting for something to do.
CF_EXPORT Boolean CFRunLoopIsWaiting(CFRunLoopRef rl);

/// Wakes a waiting loop for one pass, so that it serves signalled sources and new blocks. Any thread.
CF_EXPORT void CFRunLoopWakeUp(CFRunLoopRef rl);

/// Ends the innermost run of `rl` that is going on; if none is, does nothing. Any thread.
CF_EXPORT void CFRunLoopStop(CFRunLoopRef rl);

#if defined(__BLOCKS__)
/// Has `block` (copied) run once when `rl` next runs in `mode`: a string, or an array of strings. Does not
/// wake the loop: call CFRunLoopWakeUp. Any thread.
CF_EXPORT void CFRunLoopPerformBlock(CFRunLoopRef rl, CFTypeRef mode, void (^block)(void));
#endif

// ---- Sources ----

/// What a version 0 source does. Copied when the source is made. `retain` and `release` keep `info` alive;
/// `schedule` and `cancel` are told of each mode that the source is added to and removed from, on the thread
/// that does so; `perform` does the work. Any callback but `perform` may be NULL. `version` must be 0.
typedef struct {
    CFIndex version;
    void *info;
    const void *(*retain)(const void *info);                            ///< Returns `info`.
    void (*release)(const void *info);                                  ///< The last use of `info`.
    CFStringRef (*copyDescription)(const void *info);                   ///< +1.
    Boolean (*equal)(const void *info1, const void *info2);             ///< NULL: by address.
    CFHashCode (*hash)(const void *info);                               ///< NULL: of the address.
    void (*schedule)(void *info, CFRunLoopRef rl, CFRunLoopMode mode);  ///< Added to `mode`.
    void (*cancel)(void *info, CFRunLoopRef rl, CFRunLoopMode mode);    ///< Removed from `mode`.
    void (*perform)(void *info);  ///< Runs on the loop's thread.
} CFRunLoopSourceContext;

/// The type id of sources.
CF_EXPORT CFTypeID CFRunLoopSourceGetTypeID(void);

/// A source. +1. Of several signalled sources, those of lower `order` are served first.
CF_EXPORT CFRunLoopSourceRef CFRunLoopSourceCreate(
    CFAllocatorRef allocator, CFIndex order, CFRunLoopSourceContext *context) CF_RETURNS_RETAINED;

/// The order given to CFRunLoopSourceCreate.
CF_EXPORT CFIndex CFRunLoopSourceGetOrder(CFRunLoopSourceRef source);

/// Copies the source's context; `context->version` must be 0 on entry.
CF_EXPORT void CFRunLoopSourceGetContext(CFRunLoopSourceRef source,
                                         CFRunLoopSourceContext *context);

/// Marks the source for service. Does not wake a loop: call CFRunLoopWakeUp. Signals before the service count
/// once. Any thread.
CF_EXPORT void CFRunLoopSourceSignal(CFRunLoopSourceRef source);

/// Takes the source out of every loop for good, and releases its `info`. Any thread.
CF_EXPORT void CFRunLoopSourceInvalidate(CFRunLoopSourceRef source);

/// Whether the source has not been invalidated.
CF_EXPORT Boolean CFRunLoopSourceIsValid(CFRunLoopSourceRef source);

/// Adds a source to a mode of `rl`, which retains it; does nothing if it is there, or invalid. Any thread.
CF_EXPORT void CFRunLoopAddSource(CFRunLoopRef rl, CFRunLoopSourceRef source, CFRunLoopMode mode);

/// Takes a source out of a mode of `rl`; does nothing if it is not there. Any thread.
CF_EXPORT void CFRunLoopRemoveSource(CFRunLoopRef rl, CFRunLoopSourceRef source,
                                     CFRunLoopMode mode);

/// Whether a mode of `rl` has the source.
CF_EXPORT Boolean CFRunLoopContainsSource(CFRunLoopRef rl, CFRunLoopSourceRef source,
                                          CFRunLoopMode mode);

// ---- Timers ----

/// What a timer's callback gets. Copied when the timer is made. `retain` and `release` keep `info` alive and
/// may be NULL. `version` must be 0.
typedef struct {
    CFIndex version;
    void *info;
    const void *(*retain)(const void *info);           ///< Returns `info`.
    void (*release)(const void *info);                 ///< The last use of `info`.
    CFStringRef (*copyDescription)(const void *info);  ///< +1.
} CFRunLoopTimerContext;

/// Called each time a timer fires.
typedef void (*CFRunLoopTimerCallBack)(CFRunLoopTimerRef timer, void *info);

/// The type id of timers.
CF_EXPORT CFTypeID CFRunLoopTimerGetTypeID(void);

/// A timer that fires first at `fireDate`, then every `interval` seconds; with an `interval` of 0 or less it
/// fires once and is invalid after that. Fires that a busy loop missed are dropped, the rhythm stays. +1.
/// `flags` must be 0. Of timers due together, the earlier date fires first, then the lower `order`.
/// `context` may be NULL.
CF_EXPORT CFRunLoopTimerRef
CFRunLoopTimerCreate(CFAllocatorRef allocator, CFAbsoluteTime fireDate, CFTimeInterval interval,
                     CFOptionFlags flags, CFIndex order, CFRunLoopTimerCallBack callout,
                     CFRunLoopTimerContext *context) CF_RETURNS_RETAINED;

#if defined(__BLOCKS__)
/// As CFRunLoopTimerCreate, with a block (copied).
CF_EXPORT CFRunLoopTimerRef CFRunLoopTimerCreateWithHandler(
    CFAllocatorRef allocator, CFAbsoluteTime fireDate, CFTimeInterval interval, CFOptionFlags flags,
    CFIndex order, void (^block)(CFRunLoopTimerRef timer)) CF_RETURNS_RETAINED;
#endif

/// When the timer fires next; 0 if it is invalid.
CF_EXPORT CFAbsoluteTime CFRunLoopTimerGetNextFireDate(CFRunLoopTimerRef timer);

/// Moves the next fire. Any thread.
CF_EXPORT void CFRunLoopTimerSetNextFireDate(CFRunLoopTimerRef timer, CFAbsoluteTime fireDate);

/// The interval, in seconds; 0 if the timer does not repeat.
CF_EXPORT CFTimeInterval CFRunLoopTimerGetInterval(CFRunLoopTimerRef timer);

/// Whether the timer fires more than once.
CF_EXPORT Boolean CFRunLoopTimerDoesRepeat(CFRunLoopTimerRef timer);

/// The order given to CFRunLoopTimerCreate.
CF_EXPORT CFIndex CFRunLoopTimerGetOrder(CFRunLoopTimerRef timer);

/// Takes the timer out of its loop for good, and releases its `info`. Any thread.
CF_EXPORT void CFRunLoopTimerInvalidate(CFRunLoopTimerRef timer);

/// Whether the timer has not been invalidated.
CF_EXPORT Boolean CFRunLoopTimerIsValid(CFRunLoopTimerRef timer);

/// Adds a timer to a mode of `rl`, which retains it. A timer that is in another loop is not added. Any thread.
CF_EXPORT void CFRunLoopAddTimer(CFRunLoopRef rl, CFRunLoopTimerRef timer, CFRunLoopMode mode);

/// Takes a timer out of a mode of `rl`; does nothing if it is not there. Any thread.
CF_EXPORT void CFRunLoopRemoveTimer(CFRunLoopRef rl, CFRunLoopTimerRef timer, CFRunLoopMode mode);

/// Whether a mode of `rl` has the timer.
CF_EXPORT Boolean CFRunLoopContainsTimer(CFRunLoopRef rl, CFRunLoopTimerRef timer,
                                         CFRunLoopMode mode);

/// The earliest date at which a timer of `mode` fires; 0 if there is none.
CF_EXPORT CFAbsoluteTime CFRunLoopGetNextTimerFireDate(CFRunLoopRef rl, CFRunLoopMode mode);

CF_EXTERN_C_END

#endif
