// SPDX-License-Identifier: Apache-2.0
/// @file real_time_thread.h
/// Threads of a work group: first-in-first-out real-time scheduling, where the system permits it.
#pragma once

#include <sched.h>

namespace opendext {

/// How a thread was scheduled, to be put back. Plain data.
struct ThreadSchedule {
    int policy = SCHED_OTHER;
    int priority = 0;
    bool was_changed = false;
};

/// Schedules the calling thread by SCHED_FIFO with the lowest priority of that policy, which is before all ordinary
/// threads; its child processes are not. A thread that has a real-time policy keeps it. Where the process may not
/// (RLIMIT_RTPRIO, CAP_SYS_NICE) the thread stays as it is, and the log tells it once.
ThreadSchedule EnterRealTime();

/// Puts the calling thread's schedule back.
void LeaveRealTime(const ThreadSchedule &before);

}  // namespace opendext
