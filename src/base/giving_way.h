// SPDX-License-Identifier: Apache-2.0
/// @file giving_way.h
/// Giving the processor to whom this thread waits for.
#pragma once

#include <sched.h>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>

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

    [[nodiscard]] bool IsWorthwhile() {
        const uint32_t left = num_to_skip_.load(std::memory_order_relaxed);
        if (left != 0) {
            num_to_skip_.store(left - 1, std::memory_order_relaxed);
        }
        return left == 0;
    }

    void GiveWay() {
        using Clock = std::chrono::steady_clock;
        const auto before = Clock::now();
        sched_yield();
        Learn(Clock::now() - before);
    }

    /// For GiveWay, and tests.
    void Learn(std::chrono::nanoseconds taken) {
        const uint32_t skipped = num_skipped_.load(std::memory_order_relaxed);
        if (taken < kLongest) {
            num_skipped_.store(std::max(skipped / 2, kLeastSkipped), std::memory_order_relaxed);
        } else {
            num_to_skip_.store(skipped, std::memory_order_relaxed);
            num_skipped_.store(std::min(skipped * 2, kMostSkipped), std::memory_order_relaxed);
        }
    }

    static constexpr std::chrono::microseconds kLongest{300};
    static constexpr uint32_t kLeastSkipped = 256;
    static constexpr uint32_t kMostSkipped = 2048;

private:
    std::atomic<uint32_t> num_to_skip_ = 0;
    std::atomic<uint32_t> num_skipped_ = kLeastSkipped;  ///< The next time.
};

}  // namespace opendext
