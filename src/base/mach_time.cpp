// SPDX-License-Identifier: Apache-2.0
#include <mach/mach_time.h>
#include <time.h>

#include "base/clock.h"

using opendext::ClockDomain;
using opendext::NowNanoseconds;

kern_return_t mach_timebase_info(mach_timebase_info_t info) {
    if (info == nullptr) {
        return KERN_INVALID_ARGUMENT;
    }
    info->numer = 1;
    info->denom = 1;
    return KERN_SUCCESS;
}

uint64_t mach_absolute_time(void) {
    return NowNanoseconds(ClockDomain::kUptime);
}

uint64_t mach_approximate_time(void) {
    return NowNanoseconds(ClockDomain::kUptime);
}

uint64_t mach_continuous_time(void) {
    return NowNanoseconds(ClockDomain::kContinuous);
}

uint64_t mach_continuous_approximate_time(void) {
    return NowNanoseconds(ClockDomain::kContinuous);
}

kern_return_t mach_wait_until(uint64_t deadline) {
    constexpr uint64_t kNanosecondsPerSecond = 1'000'000'000;
    for (uint64_t now = mach_absolute_time(); now < deadline; now = mach_absolute_time()) {
        // Virtual time moves in other threads: look again soon.
        const uint64_t wait =
            opendext::TimeIsVirtual() ? kNanosecondsPerSecond / 1000 : deadline - now;
        timespec rest{.tv_sec = static_cast<time_t>(wait / kNanosecondsPerSecond),
                      .tv_nsec = static_cast<long>(wait % kNanosecondsPerSecond)};
        nanosleep(&rest, nullptr);
    }
    return KERN_SUCCESS;
}

uint64_t clock_gettime_nsec_np(clockid_t clock) {
    constexpr uint64_t kNanosecondsPerSecond = 1'000'000'000;
    switch (clock) {
        case CLOCK_UPTIME_RAW:
        case CLOCK_UPTIME_RAW_APPROX:
            return NowNanoseconds(ClockDomain::kUptime);
        case CLOCK_MONOTONIC_RAW:
        case CLOCK_BOOTTIME:
            return NowNanoseconds(ClockDomain::kContinuous);
        case CLOCK_REALTIME:
            return NowNanoseconds(ClockDomain::kWall);
        default:
            break;
    }
    timespec now{};
    if (clock_gettime(clock, &now) != 0) {
        return 0;
    }
    return static_cast<uint64_t>(now.tv_sec) * kNanosecondsPerSecond +
           static_cast<uint64_t>(now.tv_nsec);
}
