// SPDX-License-Identifier: Apache-2.0
/// @file crash_report.h
/// The last words of a driver process: which signal ended it, and where.
#pragma once

#include <atomic>
#include <cstdint>

namespace opendext::host {

/// From now on a fatal signal (SEGV, BUS, FPE, ILL, ABRT, TRAP, SYS) writes the frames of the thread that it
/// hit to `fd`, one line each as "IMAGE+0xOFFSET FUNCTION", and then ends the process as the signal does. A
/// signal from another process, as for a driver that hangs, has every other thread write its frames behind a line
/// "thread 0xID". A sanitizer that has its own handlers keeps them. A thread that has overflowed its stack writes its frames
/// if it is the caller's or has a SignalStack. Active IOExtensiblePaniclogs follow (crash_panic_logs.h). Call once, before driver code is loaded.
void InstallCrashReport(int fd);

/// From now on the process ends, after a fatal signal, when no line of its log waits to be sent any more, or has
/// waited for 200 ms. `num_waiting` is how many wait; it is read until NULL takes its place. Any thread.
void AwaitLinesBeforeEnd(const std::atomic<uint32_t> *num_waiting);

}  // namespace opendext::host
