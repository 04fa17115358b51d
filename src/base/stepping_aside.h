// SPDX-License-Identifier: Apache-2.0
/// @file stepping_aside.h
/// Leaving the processor of whom this thread serves.
#pragma once

#include <chrono>
#include <cstdint>
#include <utility>

#include "base/back_off.h"

namespace opendext {

/// The kernel likes to wake a thread on the processor of who wakes it, and leaves it there for milliseconds. Where the two
/// then exchange short calls, each is two switches of threads: four to twenty times what it takes with a processor for
/// each. So after some such calls the one that serves moves to another processor, if it may use one; the kernel says which.
/// Where that turns out to be wanted by others, or the kernel moves it back, it is done ever more rarely. One thread.
class SteppingAside {
public:
    /// After each call. @param is_shared whether the caller has waited for it on this thread's processor.
    /// @return whether to StepAside now.
    [[nodiscard]] bool IsDue(bool is_shared) {
        if (!is_shared) {
            num_shared_ = 0;
            if (num_to_watch_ != 0) {
                Watch();
            }
            return false;
        }
        if (++num_shared_ < kNumShared) {
            return false;
        }
        num_shared_ = 0;
        if (std::exchange(num_to_watch_, 0) != 0) {
            Learn(Outcome::kUndone);
        }
        return IsWorthwhile();
    }

    /// The thread has slept since: wherever it is now, it was woken there.
    void Slept() { num_to_watch_ = 0; }

    /// Takes as long as to wake a thread. Whoever is to be left should stay awake meanwhile: if he is woken from here, he
    /// follows.
    void StepAside();

    /// For IsDue, and tests.
    [[nodiscard]] bool IsWorthwhile() {
        const bool stays = undone_.IsWorthwhile();
        return unwanted_.IsWorthwhile() && stays;
    }

    /// How a step turned out.
    enum class Outcome : uint8_t {
        kGood,
        kUndone,    ///< The kernel has moved the thread back: a step for nothing, no more.
        kUnwanted,  ///< Others want the processor, and each step may wait for them.
    };
    void Learn(Outcome outcome);

    /// So many shared calls in a row come before a step.
    static constexpr uint32_t kNumShared = 32;
    /// After a bad step, so many that would have been come to nothing.
    static constexpr uint32_t kLeastSkipped = 16;
    static constexpr uint32_t kMostSkippedOfUndone = 64;
    static constexpr uint32_t kMostSkippedOfUnwanted = 4096;

private:
    /// Calls after a step that show how it turned out.
    static constexpr uint32_t kNumWatched = 1024;

    void Watch() {
        --num_to_watch_;
        if (num_to_watch_ == 0) {
            Judge();
        }
    }
    void Judge();

    using Clock = std::chrono::steady_clock;

    uint32_t num_shared_ = 0;
    uint32_t num_to_watch_ = 0;
    BackOff<kLeastSkipped, kMostSkippedOfUndone> undone_;
    BackOff<kLeastSkipped, kMostSkippedOfUnwanted> unwanted_;
    int64_t num_preemptions_ = 0;  ///< At the last step.
    Clock::time_point moved_at_;   ///< The same.
};

}  // namespace opendext
