// SPDX-License-Identifier: Apache-2.0
#include "base/real_time_thread.h"

#include <pthread.h>

#include <mutex>

#include "base/log.h"
#include "base/system_error.h"

namespace opendext {

namespace {

void TellOnce(int error) {
    static std::once_flag told;
    std::call_once(told, [error] {
        LogWarning(
            "a thread joins a work group but cannot have SCHED_FIFO ({}), and runs as before; "
            "allow it with "
            "RLIMIT_RTPRIO or CAP_SYS_NICE",
            SystemError{"pthread_setschedparam", error}.ToString());
    });
}

}  // namespace

ThreadSchedule EnterRealTime() {
    ThreadSchedule before;
    sched_param parameters = {};
    if (pthread_getschedparam(pthread_self(), &before.policy, &parameters) != 0) {
        return before;
    }
    before.priority = parameters.sched_priority;
    const int policy = before.policy & ~SCHED_RESET_ON_FORK;
    if (policy == SCHED_FIFO || policy == SCHED_RR) {
        return before;
    }
    parameters.sched_priority = sched_get_priority_min(SCHED_FIFO);
    const int error =
        pthread_setschedparam(pthread_self(), SCHED_FIFO | SCHED_RESET_ON_FORK, &parameters);
    before.was_changed = error == 0;
    if (error != 0) {
        TellOnce(error);
    }
    return before;
}

void LeaveRealTime(const ThreadSchedule &before) {
    if (before.was_changed) {
        sched_param parameters = {};
        parameters.sched_priority = before.priority;
        // Only the privileged may take the flag back; for others it stays, and does not matter.
        if (pthread_setschedparam(pthread_self(), before.policy, &parameters) != 0) {
            pthread_setschedparam(pthread_self(), before.policy | SCHED_RESET_ON_FORK, &parameters);
        }
    }
}

}  // namespace opendext
