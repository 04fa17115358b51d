// SPDX-License-Identifier: Apache-2.0
/// @file spin.h
/// Busy waiting for a bounded time, before a futex.
#pragma once

#include <chrono>

namespace opendext {

/// Tells the processor that this thread is spinning.
inline void CpuPause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

/// Calls `is_done` until it returns true, a few dozen times at most: no clock is read. @return whether it returned true.
template <typename Predicate>
bool SpinRounds(Predicate is_done) {
    constexpr int kRounds = 64;
    for (int round = 0; round < kRounds; ++round) {
        if (is_done()) {
            return true;
        }
        CpuPause();
    }
    return false;
}

/// Calls `is_done` until it returns true or `budget` is over. It is called at least once.
/// Makes no system call (the clock is read through the vDSO, every 32 rounds).
/// @return whether it returned true.
template <typename Predicate>
bool SpinUntil(Predicate is_done, std::chrono::nanoseconds budget) {
    constexpr int kRoundsPerClockRead = 32;
    if (is_done()) {
        return true;
    }
    const auto deadline = std::chrono::steady_clock::now() + budget;
    do {
        for (int round = 0; round < kRoundsPerClockRead; ++round) {
            CpuPause();
            if (is_done()) {
                return true;
            }
        }
    } while (std::chrono::steady_clock::now() < deadline);
    return false;
}

}  // namespace opendext
