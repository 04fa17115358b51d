// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>

namespace opendext::channel {

/// Chooses between two ways to do what is done again and again, by what it took of late. One thread at a time.
template <typename Way, Way kUsual, Way kOther>
class LearntChoice {
public:
    /// For the next time, which is going to be timed.
    [[nodiscard]] Way Next() {
        const bool is_usual = usual_pace_ <= other_pace_;
        const Way next = is_usual != IsTrial(num_times_) ? kUsual : kOther;
        num_of_kind_ = num_times_ == 0 || next != last_ ? 1 : num_of_kind_ + 1;
        last_ = next;
        ++num_times_;
        return next;
    }

    /// What that took. One that failed need not be told of.
    void Took(uint64_t num_bytes, std::chrono::nanoseconds time) {
        // The first of its kind finds things as the other kind has left them.
        if (num_of_kind_ == 1) {
            return;
        }
        const double pace = static_cast<double>(time.count()) / static_cast<double>(num_bytes);
        double &known = last_ == kUsual ? usual_pace_ : other_pace_;
        // One that was interrupted counts for little.
        known = IsTrial(num_times_ - 1) || known == kUnknown
                    ? pace
                    : known + (std::min(pace, 2 * known) - known) / 4;
    }

private:
    /// Two of so many are done the other way, the second one for what it takes.
    static constexpr uint32_t kTimesPerTrial = 128;
    static constexpr uint32_t kTrial = 4;
    static constexpr double kUnknown = std::numeric_limits<double>::infinity();

    static bool IsTrial(uint32_t time) { return time % kTimesPerTrial / 2 * 2 == kTrial; }

    // In nanoseconds per byte.
    double usual_pace_ = kUnknown;
    double other_pace_ = kUnknown;
    uint32_t num_times_ = 0;
    Way last_ = kUsual;
    uint32_t num_of_kind_ = 0;  // in a row
};

}  // namespace opendext::channel
