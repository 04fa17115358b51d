// SPDX-License-Identifier: Apache-2.0
#include "runtime/dispatch/timer_clock.h"

#include <DriverKit/IOTimerDispatchSource.h>

namespace opendext::dispatch {

std::optional<ClockDomain> ClockOfTimerOption(uint64_t option) {
    switch (option) {
        case kIOTimerClockUptimeRaw:
        case kIOTimerClockMachAbsoluteTime:
            return ClockDomain::kUptime;
        case kIOTimerClockMonotonicRaw:
        case kIOTimerClockMachContinuousTime:
            return ClockDomain::kContinuous;
        case kIOTimerClockRealTime:
            return ClockDomain::kWall;
        default:
            return std::nullopt;
    }
}

}  // namespace opendext::dispatch
