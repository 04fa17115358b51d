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
        const Way better = usual_pace_ <= other_pace_ ? kUsual : kOther;
        Way next = better;
        if (IsTrial(num_times_)) {
            const bool is_first = num_times_ % kTrialLength == 0;
            next = !is_first ? last_ : better == kUsual ? kOther : kUsual;
        }
        num_of_kind_ = num_times_ == 0 || next != last_ ? 1 : num_of_kind_ + 1;
        last_ = next;
        ++num_times_;
        return next;
    }

    /// What that took. One that failed need not be told of.
    void Took(uint64_t num_bytes, std::chrono::nanoseconds time) {
        // The first ones of a kind find things as the other kind has left them.
        if (num_of_kind_ <= kNumSettling) {
            return;
        }
        const double pace = static_cast<double>(time.count()) / static_cast<double>(num_bytes);
        double &known = last_ == kUsual ? usual_pace_ : other_pace_;
        // One that was interrupted counts for little.
        if (IsTrial(num_times_ - 1)) {
            known = num_of_kind_ == kTrialLength ? std::min(pace, known) : pace;
        } else {
            known = known == kUnknown ? pace : known + (std::min(pace, 2 * known) - known) / 4;
        }
    }

private:
    /// Four of so many are done the other way, the last two for what they take: the shorter one counts.
    static constexpr uint32_t kTimesPerTrial = 256;
    static constexpr uint32_t kTrialLength = 4;
    static constexpr uint32_t kNumSettling = 2;
    static constexpr double kUnknown = std::numeric_limits<double>::infinity();

    static bool IsTrial(uint32_t time) { return time % kTimesPerTrial / kTrialLength == 1; }

    // In nanoseconds per byte.
    double usual_pace_ = kUnknown;
    double other_pace_ = kUnknown;
    uint32_t num_times_ = 0;
    Way last_ = kUsual;
    uint32_t num_of_kind_ = 0;  // in a row
};

}  // namespace opendext::channel
