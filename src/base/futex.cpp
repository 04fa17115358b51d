// SPDX-License-Identifier: Apache-2.0
#include "base/futex.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <limits>

namespace opendext {
namespace {

static_assert(sizeof(std::atomic<uint32_t>) == sizeof(uint32_t));
static_assert(std::atomic<uint32_t>::is_always_lock_free);

int ScopeFlag(FutexScope scope) {
    return scope == FutexScope::kThisProcess ? FUTEX_PRIVATE_FLAG : 0;
}

timespec ToTimespec(std::chrono::steady_clock::time_point deadline) {
    using std::chrono::duration_cast;
    const auto since_boot = deadline.time_since_epoch();
    const auto seconds = duration_cast<std::chrono::seconds>(since_boot);
    const auto rest = duration_cast<std::chrono::nanoseconds>(since_boot - seconds);
    return {.tv_sec = seconds.count(), .tv_nsec = rest.count()};
}

}  // namespace

FutexResult FutexWait(const std::atomic<uint32_t> &word, uint32_t expected,
                      std::optional<std::chrono::steady_clock::time_point> deadline,
                      FutexScope scope) {
    if (word.load(std::memory_order_acquire) != expected) {
        return FutexResult::kValueChanged;
    }
    timespec limit = {};
    if (deadline) {
        limit = ToTimespec(*deadline);
    }
    // FUTEX_WAIT_BITSET takes an absolute time of CLOCK_MONOTONIC, which steady_clock reads.
    const long status = ::syscall(SYS_futex, &word, FUTEX_WAIT_BITSET | ScopeFlag(scope), expected,
                                  deadline ? &limit : nullptr, nullptr, FUTEX_BITSET_MATCH_ANY);
    if (status == 0) {
        return FutexResult::kWoken;
    }
    switch (errno) {
        case EAGAIN:
            return FutexResult::kValueChanged;
        case ETIMEDOUT:
            return FutexResult::kTimedOut;
        default:
            return FutexResult::kWoken;
    }
}

FutexResult FutexWaitFor(const std::atomic<uint32_t> &word, uint32_t expected,
                         std::chrono::nanoseconds timeout, FutexScope scope) {
    return FutexWait(word, expected, std::chrono::steady_clock::now() + timeout, scope);
}

int FutexWake(const std::atomic<uint32_t> &word, int max_waiters, FutexScope scope) {
    const long woken = ::syscall(SYS_futex, &word, FUTEX_WAKE | ScopeFlag(scope), max_waiters,
                                 nullptr, nullptr, 0);
    return woken < 0 ? 0 : static_cast<int>(woken);
}

int FutexWakeAll(const std::atomic<uint32_t> &word, FutexScope scope) {
    return FutexWake(word, std::numeric_limits<int>::max(), scope);
}

}  // namespace opendext
