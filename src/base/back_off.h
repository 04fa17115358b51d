// SPDX-License-Identifier: Apache-2.0
/// @file back_off.h
/// Leaving alone for a while what has turned out badly.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace opendext {

/// What went badly once is not tried the next `kLeastSkipped` times; when it goes badly again, twice as many times, up to
/// `kMostSkipped`. Each time that it goes well halves that. Any thread; of two at a time one may count for both.
template <uint32_t kLeastSkipped, uint32_t kMostSkipped>
class BackOff {
public:
    /// Asked each time that it could be tried.
    [[nodiscard]] bool IsWorthwhile() {
        const uint32_t left = num_to_skip_.load(std::memory_order_relaxed);
        if (left != 0) {
            num_to_skip_.store(left - 1, std::memory_order_relaxed);
        }
        return left == 0;
    }

    void WentWell() {
        const uint32_t skipped = num_skipped_.load(std::memory_order_relaxed);
        num_skipped_.store(std::max(skipped / 2, kLeastSkipped), std::memory_order_relaxed);
    }

    void WentBadly() {
        const uint32_t skipped = num_skipped_.load(std::memory_order_relaxed);
        num_to_skip_.store(skipped, std::memory_order_relaxed);
        num_skipped_.store(std::min(skipped * 2, kMostSkipped), std::memory_order_relaxed);
    }

private:
    std::atomic<uint32_t> num_to_skip_ = 0;
    std::atomic<uint32_t> num_skipped_ = kLeastSkipped;  ///< The next time.
};

}  // namespace opendext
