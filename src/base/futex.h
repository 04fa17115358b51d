// SPDX-License-Identifier: Apache-2.0
/// @file futex.h
/// Waiting on a 32-bit word, within a process or across shared memory.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>

namespace opendext {

/// Who may wait on the word: threads of this process, or whoever maps the memory it is in. Waiter and waker
/// must agree.
enum class FutexScope {
    kThisProcess,
    kSharedMemory,
};

enum class FutexResult {
    kWoken,         ///< By a waker, or by a signal: check the condition again.
    kValueChanged,  ///< The word did not hold `expected`; did not sleep.
    kTimedOut,
};

/// Sleeps as long as `word` holds `expected`, until a wake or the deadline; none waits for ever.
/// Any thread.
FutexResult FutexWait(const std::atomic<uint32_t> &word, uint32_t expected,
                      std::optional<std::chrono::steady_clock::time_point> deadline = std::nullopt,
                      FutexScope scope = FutexScope::kSharedMemory);

/// As above, for at most `timeout` from now.
FutexResult FutexWaitFor(const std::atomic<uint32_t> &word, uint32_t expected,
                         std::chrono::nanoseconds timeout,
                         FutexScope scope = FutexScope::kSharedMemory);

/// Wakes up to `max_waiters` threads that sleep on `word`. Change the word first.
/// @return how many were woken; 0 also when the memory is not mapped any more.
int FutexWake(const std::atomic<uint32_t> &word, int max_waiters,
              FutexScope scope = FutexScope::kSharedMemory);

/// Wakes all that sleep on `word`.
int FutexWakeAll(const std::atomic<uint32_t> &word, FutexScope scope = FutexScope::kSharedMemory);

}  // namespace opendext
