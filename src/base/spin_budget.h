// SPDX-License-Identifier: Apache-2.0
/// @file spin_budget.h
/// How long it pays to spin before sleeping.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>

#include "base/spin.h"

namespace opendext {

/// How long to spin before parking: as long as that has helped of late, at most so long that a peer which comes back
/// soon is met awake (being woken takes some 40 us). Waits that follow each other closely spin longer: who is that busy
/// gets the shortest way, and two sides that run at the same time are given a processor each. So an idle app, or a
/// peer that waits for this very processor, does not cost one. Any thread.
class SpinBudget {
public:
    static constexpr std::chrono::nanoseconds kMost{100'000};

    /// `most` is the longest that a wait spins when waits follow each other closely.
    explicit SpinBudget(std::chrono::nanoseconds most = kMost)
        : close_{.least_ns = 10'000, .most_ns = most.count()} {}

    /// Polls `is_done` until it returns true or the budget is over; no system call. Short waits read no clock.
    /// @return whether it returned true.
    template <typename Predicate>
    bool Spin(Predicate is_done) {
        if (SpinRounds(is_done)) {
            return true;
        }
        const int64_t now = std::chrono::steady_clock::now().time_since_epoch().count();
        const bool is_close =
            now - last_wait_at_.exchange(now, std::memory_order_relaxed) < kIdleAfter.count();
        return Spin(is_done, is_close ? close_ : idle_);
    }

    /// The same for a peer that has just been woken: it may be about to run on this very processor, and then every
    /// round of spinning keeps it from that.
    template <typename Predicate>
    bool SpinForWoken(Predicate is_done) {
        return Spin(is_done, woken_);
    }

private:
    /// What waits of one kind have learnt.
    struct Learnt {
        const int64_t least_ns;
        const int64_t most_ns;
        std::atomic<int64_t> budget_ns = most_ns;
        std::atomic<uint32_t> num_waits = 0;
    };
    static constexpr std::chrono::nanoseconds kIdleAfter{1'000'000};
    static constexpr int64_t kTooShort = 1'000;

    template <typename Predicate>
    static bool Spin(Predicate is_done, Learnt &learnt) {
        // Now and then the most is tried, to notice when spinning helps again.
        constexpr uint32_t kWaitsPerTrial = 32;
        const bool is_trial =
            learnt.num_waits.fetch_add(1, std::memory_order_relaxed) % kWaitsPerTrial == 0;
        const int64_t before = learnt.budget_ns.load(std::memory_order_relaxed);
        const int64_t budget = is_trial ? learnt.most_ns : before;
        const bool has_helped =
            budget == 0 ? is_done() : SpinUntil(is_done, std::chrono::nanoseconds(budget));
        const int64_t less = before / 2 < kTooShort ? 0 : before / 2;
        const int64_t next =
            has_helped ? std::min(budget * 2, learnt.most_ns) : std::max(less, learnt.least_ns);
        if (next != before) {
            learnt.budget_ns.store(next, std::memory_order_relaxed);
        }
        return has_helped;
    }

    std::atomic<int64_t> last_wait_at_ = 0;
    Learnt close_;
    Learnt idle_{.least_ns = 2'000, .most_ns = 40'000};
    Learnt woken_{.least_ns = 0, .most_ns = 40'000};
};

}  // namespace opendext
