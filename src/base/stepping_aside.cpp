// SPDX-License-Identifier: Apache-2.0
#include "base/stepping_aside.h"

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstring>

namespace opendext {
namespace {

/// A processor that nobody uses is there sooner.
constexpr std::chrono::microseconds kLongest{300};
constexpr std::chrono::milliseconds kLongestWatch{50};
constexpr int64_t kMostPreemptions = 2;

/// How often the kernel has given this thread's processor to another one.
int64_t NumPreemptions() {
    rusage usage = {};
    getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_nivcsw;
}

/// Lets this thread run where it was allowed to; if that is all that the machine can have, on what is added later, too.
void Allow(const cpu_set_t &allowed) {
    cpu_set_t all;
    std::memset(&all, 0xFF, sizeof(all));
    const bool is_everywhere = CPU_COUNT(&allowed) >= sysconf(_SC_NPROCESSORS_CONF);
    const cpu_set_t &wanted = is_everywhere ? all : allowed;
    if (sched_setaffinity(0, sizeof(wanted), &wanted) != 0) {
        // The machine has changed meanwhile; the kernel takes what there is of these.
        sched_setaffinity(0, sizeof(all), &all);
    }
}

}  // namespace

void SteppingAside::Learn(Outcome outcome) {
    switch (outcome) {
        case Outcome::kGood:
            undone_.WentWell();
            return unwanted_.WentWell();
        case Outcome::kUndone:
            return undone_.WentBadly();
        case Outcome::kUnwanted:
            return unwanted_.WentBadly();
    }
}

void SteppingAside::StepAside() {
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    const int here = sched_getcpu();
    if (here < 0 || sched_getaffinity(0, sizeof(allowed), &allowed) != 0 ||
        CPU_COUNT(&allowed) < 2) {
        return Learn(Outcome::kUnwanted);
    }
    cpu_set_t others = allowed;
    CPU_CLR(here, &others);
    const Clock::time_point start = Clock::now();
    const bool has_moved = sched_setaffinity(0, sizeof(others), &others) == 0;
    Allow(allowed);
    const Clock::time_point end = Clock::now();
    if (!has_moved || end - start > kLongest) {
        return Learn(Outcome::kUnwanted);
    }
    moved_at_ = end;
    num_preemptions_ = NumPreemptions();
    num_to_watch_ = kNumWatched;
}

void SteppingAside::Judge() {
    // Over a longer time everybody is preempted now and then.
    if (Clock::now() - moved_at_ < kLongestWatch) {
        const bool is_wanted = NumPreemptions() - num_preemptions_ > kMostPreemptions;
        Learn(is_wanted ? Outcome::kUnwanted : Outcome::kGood);
    }
}

}  // namespace opendext
