// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

namespace opendext::channel {

/// Counts the calls in progress of a connection, refuses new ones after Shut, and tells exactly one caller
/// when it is shut and empty. Any thread.
class CallGate {
public:
    /// @return false when the gate is shut; the call must not go on. After true, call Leave.
    [[nodiscard]] bool Enter() {
        uint32_t word = word_.load(std::memory_order_relaxed);
        do {
            if ((word & kShut) != 0) {
                return false;
            }
        } while (!word_.compare_exchange_weak(word, word + kOneCall, std::memory_order_acq_rel));
        return true;
    }

    struct Left {
        bool is_over;     ///< This was the last call of a shut gate.
        bool has_others;  ///< Other calls are in progress.
    };
    /// A call that enters later sees what this thread has written.
    [[nodiscard]] Left Leave() {
        const uint32_t before = word_.fetch_sub(kOneCall, std::memory_order_acq_rel);
        return {.is_over = before == (kShut | kOneCall), .has_others = before >= 2 * kOneCall};
    }

    /// @return true when this call shut it and no call is in progress.
    bool Shut() { return word_.fetch_or(kShut, std::memory_order_acq_rel) == 0; }

    [[nodiscard]] bool is_shut() const {
        return (word_.load(std::memory_order_acquire) & kShut) != 0;
    }

private:
    static constexpr uint32_t kShut = 1;
    static constexpr uint32_t kOneCall = 2;
    std::atomic<uint32_t> word_ = 0;
};

}  // namespace opendext::channel
