// SPDX-License-Identifier: Apache-2.0
/// @file parker.h
/// One thread waits, another lets it go. Lives on the waiter's stack.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/futex.h"
#include "base/interleaver.h"
#include "base/race_annotations.h"

namespace opendext::dispatch {

/// Used once: one Wait, one Signal, in any order. The waiter may destroy it as soon as Wait has returned.
class Parker {
public:
    void Wait() {
        if (!Interleaver::IsInForce() || !Interleaver::Instance().Wait(word_)) [[likely]] {
            while (word_.load(std::memory_order_acquire) == 0) {
                FutexWait(word_, 0, std::nullopt, FutexScope::kThisProcess);
            }
        }
        TakeOver(&word_);
    }

    void Signal() {
        HandOver(&word_);
        if (Interleaver::IsInForce()) [[unlikely]] {
            Interleaver::Instance().Wake(word_);
            return;
        }
        word_.store(1, std::memory_order_release);
        // Only the address is used from here on: the waiter may be gone.
        FutexWake(word_, 1, FutexScope::kThisProcess);
    }

private:
    std::atomic<uint32_t> word_{0};
};

}  // namespace opendext::dispatch
