// SPDX-License-Identifier: Apache-2.0
/// @file timer_service.h
/// One thread that calls functions at their time, for all timers of the process. It follows a VirtualClock while
/// there is one.
#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include "base/clock.h"

namespace opendext::dispatch {

/// Names one scheduled call.
struct TimerId {
    ClockDomain domain;
    uint64_t deadline_ns;
    uint64_t number;
};

/// Any thread. Never destroyed.
class TimerService {
public:
    static TimerService &Instance();

    /// Calls `fire` once, when `domain`'s clock has reached `deadline_ns`: on the timer thread, or on the thread that
    /// advanced the virtual clock. `fire` must be short and must not wait: it hands work to a queue.
    TimerId Schedule(ClockDomain domain, uint64_t deadline_ns, std::function<void()> fire);

    /// Forgets a scheduled call. @return false when it was made already, or is being made now.
    bool Cancel(const TimerId &id);

    /// Calls everything that is due, on this thread.
    void FireDue();

    /// How long until the next scheduled call is due, by its own clock; nullopt: there is none.
    [[nodiscard]] std::optional<uint64_t> NanosecondsToNextCall();

    /// Ends the thread, which starts again with the next Schedule. Scheduled calls stay.
    void Shutdown();

private:
    using Key = std::pair<uint64_t, uint64_t>;  // deadline, number
    using Calls = std::map<Key, std::function<void()>>;

    TimerService();

    void RunThread();
    std::function<void()> TakeDue();
    std::optional<uint64_t> NanosecondsToNext() const;
    bool StartThread();

    std::mutex mutex_;
    std::condition_variable changed_;
    // All guarded by mutex_.
    std::array<Calls, 3> calls_;  // by ClockDomain
    uint64_t next_number_ = 1;
    uint64_t change_count_ = 0;
    uint32_t num_firing_ = 0;  // calls taken and not yet made
    bool has_thread_ = false;
    bool is_ending_ = false;
};

}  // namespace opendext::dispatch
