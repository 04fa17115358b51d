// SPDX-License-Identifier: Apache-2.0
/// @file wait_forecast.h
/// When a wait is going to end, by what the last ones took.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <utility>

namespace opendext {

/// A caller that comes again and again after about the same time, one that fills a buffer before each call say, can be met
/// awake: who waits for him sleeps until shortly before he comes, and looks for him from then on. Nobody is woken then, which
/// on a virtual machine costs him who wakes up to 50 us. Waits that differ by more than that have no forecast. One thread.
class WaitForecast {
public:
    using Nanoseconds = std::chrono::nanoseconds;

    /// After the beginning of the wait.
    struct Window {
        Nanoseconds from;
        Nanoseconds to;
    };

    /// Shorter waits are spun through; longer ones are not worth the looking.
    static constexpr Nanoseconds kShortest{50'000};
    static constexpr Nanoseconds kLongest{4'000'000};

    /// Of the wait that begins. nullopt: who knows.
    [[nodiscard]] std::optional<Window> Next() {
        window_.reset();
        const int64_t margin = kLeastMargin + 3 * deviation_ns_;
        const bool is_known = num_seen_ == kFewestSeen && mean_ns_ >= kShortest.count() &&
                              mean_ns_ <= kLongest.count() &&
                              margin <= std::min(mean_ns_ / 2, kMostMargin);
        if (num_to_skip_ != 0) {
            --num_to_skip_;
        } else if (is_known) {
            window_ = {.from = Nanoseconds(mean_ns_ - margin),
                       .to = Nanoseconds(mean_ns_ + margin)};
        }
        return window_;
    }

    /// What that wait has taken, or one that needed no forecast.
    void Learn(Nanoseconds taken) {
        if (const auto window = std::exchange(window_, std::nullopt)) {
            const bool is_missed = taken > window->to;
            num_to_skip_ = is_missed ? num_skipped_ : 0;
            num_skipped_ = is_missed ? std::min(num_skipped_ * 2, kMostSkipped)
                                     : std::max(num_skipped_ / 2, 1U);
        }
        // A pause is not what comes next; several in a row are.
        const int64_t ns = taken.count();
        if (num_seen_ != 0 && ns > kPause * mean_ns_) {
            if (++num_pauses_ < kFewestSeen) {
                return;
            }
            num_seen_ = 0;
        }
        num_pauses_ = 0;
        if (num_seen_ == 0) {
            mean_ns_ = ns;
            deviation_ns_ = ns / 2;
        } else {
            const int64_t error = ns - mean_ns_;
            mean_ns_ += error / 8;
            deviation_ns_ += (std::abs(error) - deviation_ns_) / 4;
        }
        num_seen_ = std::min(num_seen_ + 1, kFewestSeen);
    }

private:
    static constexpr int64_t kLeastMargin = 20'000;
    /// Looking for longer costs more than to be woken.
    static constexpr int64_t kMostMargin = 80'000;
    static constexpr int64_t kPause = 4;
    static constexpr uint32_t kFewestSeen = 4;
    static constexpr uint32_t kMostSkipped = 64;

    std::optional<Window> window_;  // of the wait that is under way
    int64_t mean_ns_ = 0;
    int64_t deviation_ns_ = 0;
    uint32_t num_seen_ = 0;
    uint32_t num_pauses_ = 0;  // in a row
    uint32_t num_to_skip_ = 0;
    uint32_t num_skipped_ = 1;
};

}  // namespace opendext
