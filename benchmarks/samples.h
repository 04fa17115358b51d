// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace opendext::bench {

/// Nanoseconds of CLOCK_MONOTONIC, the same in all processes.
[[nodiscard]] inline uint64_t MonotonicNow() {
    return static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
}

/// Long enough that who waits for the next operation has stopped spinning.
inline constexpr std::chrono::milliseconds kIdle{5};

/// Durations in nanoseconds, one per operation.
class Samples {
public:
    void Add(uint64_t nanoseconds) { values_.push_back(nanoseconds); }
    void Append(const std::vector<uint64_t> &values) {
        values_.insert(values_.end(), values.begin(), values.end());
    }

    /// Room for as many, so that adding one moves no others.
    void Reserve(size_t count) { values_.reserve(count); }

    [[nodiscard]] size_t size() const { return values_.size(); }
    [[nodiscard]] const std::vector<uint64_t> &values() const { return values_; }

    /// The value that `percent` of all are not above; 0 when there are none.
    [[nodiscard]] uint64_t Percentile(double percent) const;
    [[nodiscard]] uint64_t Median() const { return Percentile(50); }

    /// Times each of `count` calls of `operation`, back to back. What reading the clock costs is taken off.
    /// @return false when `operation` returned false; no more calls are made then.
    template <typename Operation>
    [[nodiscard]] bool TimeEach(size_t count, const Operation &operation) {
        const uint64_t clock_cost = ClockCost();
        values_.reserve(values_.size() + count);
        uint64_t before = MonotonicNow();
        for (size_t i = 0; i < count; ++i) {
            if (!operation()) {
                return false;
            }
            const uint64_t after = MonotonicNow();
            const uint64_t taken = after - before;
            Add(taken > clock_cost ? taken - clock_cost : 0);
            before = after;
        }
        return true;
    }

    /// As TimeEach, with nothing done for `idle` before each call.
    template <typename Operation>
    [[nodiscard]] bool TimeEachAfter(std::chrono::nanoseconds idle, size_t count,
                                     Operation operation) {
        values_.reserve(values_.size() + count);
        for (size_t i = 0; i < count; ++i) {
            SleepFor(idle);
            if (!TimeEach(1, operation)) {
                return false;
            }
        }
        return true;
    }

private:
    [[nodiscard]] static uint64_t ClockCost();
    static void SleepFor(std::chrono::nanoseconds duration);

    std::vector<uint64_t> values_;
};

/// Calls `operation` for `duration`, so that caches, spin budgets and the scheduler are where they will be.
/// @return false when `operation` returned false.
template <typename Operation>
[[nodiscard]] bool WarmUp(const Operation &operation,
                          std::chrono::nanoseconds duration = std::chrono::milliseconds(30)) {
    constexpr int kOperationsPerClockRead = 16;
    const auto deadline = std::chrono::steady_clock::now() + duration;
    do {
        for (int i = 0; i < kOperationsPerClockRead; ++i) {
            if (!operation()) {
                return false;
            }
        }
    } while (std::chrono::steady_clock::now() < deadline);
    return true;
}

}  // namespace opendext::bench
