// SPDX-License-Identifier: Apache-2.0
#include "base/stepping_aside.h"

#include <sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>

namespace opendext {
namespace {

/// A processor that nobody uses is there sooner.
constexpr std::chrono::microseconds kLongest{300};

/// How often the kernel has given this thread's processor to another one.
int64_t NumPreemptions() {
    rusage usage = {};
    getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_nivcsw;
}

}  // namespace

bool SteppingAside::IsWorthwhile() {
    if (num_to_skip_ != 0) {
        --num_to_skip_;
        return false;
    }
    return true;
}

void SteppingAside::Learn(bool was_bad) {
    if (was_bad) {
        num_to_skip_ = num_skipped_;
        num_skipped_ = std::min(num_skipped_ * 2, kMostSkipped);
    } else {
        num_skipped_ = std::max(num_skipped_ / 2, kLeastSkipped);
    }
}

void SteppingAside::StepAside() {
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    const int here = sched_getcpu();
    if (here < 0 || sched_getaffinity(0, sizeof(allowed), &allowed) != 0 ||
        CPU_COUNT(&allowed) < 2) {
        return Learn(true);
    }
    cpu_set_t others = allowed;
    CPU_CLR(here, &others);
    const auto start = std::chrono::steady_clock::now();
    const bool has_moved = sched_setaffinity(0, sizeof(others), &others) == 0;
    // Where it is allowed to be stays as it was.
    sched_setaffinity(0, sizeof(allowed), &allowed);
    const bool took_long = std::chrono::steady_clock::now() - start > kLongest;
    if (!has_moved || took_long) {
        return Learn(true);
    }
    num_preemptions_ = NumPreemptions();
    num_to_watch_ = kNumWatched;
}

bool SteppingAside::HasBeenPreempted() const {
    return NumPreemptions() > num_preemptions_;
}

}  // namespace opendext
