// SPDX-License-Identifier: Apache-2.0
/// @file giving_way.h
/// Giving the processor to whom this thread waits for.
#pragma once

#include <sched.h>

#include <chrono>
#include <cstdint>

#include "base/back_off.h"

namespace opendext {

/// The kernel likes to put who is woken on the processor of who wakes it. To give it up then is the shortest way to the
/// answer: no sleep and no second wake. But where others want the processor, too, they have it first, for
/// milliseconds, while who sleeps and is woken comes before them. So, after it took long once, way is not given
/// for many times. Any thread.
class GivingWay {
public:
    /// What is learnt holds for all of a process.
    static GivingWay &OfThisProcess() {
        static GivingWay way;
        return way;
    }

    [[nodiscard]] bool IsWorthwhile() { return back_off_.IsWorthwhile(); }

    void GiveWay() {
        using Clock = std::chrono::steady_clock;
        const auto before = Clock::now();
        sched_yield();
        Learn(Clock::now() - before);
    }

    /// For GiveWay, and tests.
    void Learn(std::chrono::nanoseconds taken) {
        if (taken < kLongest) {
            back_off_.WentWell();
        } else {
            back_off_.WentBadly();
        }
    }

    static constexpr std::chrono::microseconds kLongest{300};
    static constexpr uint32_t kLeastSkipped = 256;
    static constexpr uint32_t kMostSkipped = 2048;

private:
    BackOff<kLeastSkipped, kMostSkipped> back_off_;
};

}  // namespace opendext
