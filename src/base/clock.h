// SPDX-License-Identifier: Apache-2.0
/// @file clock.h
/// The time that drivers and their timers see: the system's, or a virtual one that only moves when told.
/// mach_absolute_time, clock_gettime_nsec_np and all timers of the runtime read it.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>

namespace opendext {

enum class ClockDomain : uint8_t {
    kUptime,      ///< CLOCK_MONOTONIC: stops while the machine sleeps.
    kContinuous,  ///< CLOCK_BOOTTIME: does not stop.
    kWall,        ///< CLOCK_REALTIME: nanoseconds since 1970.
};

/// Nanoseconds of `domain`, now, of the clock in force. Any thread; no system call.
[[nodiscard]] uint64_t NowNanoseconds(ClockDomain domain);

/// True while a VirtualClock is in force.
[[nodiscard]] bool TimeIsVirtual();

/// Installs what is called after virtual time moved, or a clock came or went; the timers' hook. One per process.
void SetTimeListener(std::function<void()> listener);

/// Puts a time of its own in force while it exists. At most one at a time. All domains start where the system's
/// clocks are and move together. Advance from one thread.
class VirtualClock {
public:
    VirtualClock();
    ~VirtualClock();
    VirtualClock(const VirtualClock &) = delete;
    VirtualClock &operator=(const VirtualClock &) = delete;

    /// Moves time forward. Timers that are due have been fired (their work is queued) when this returns.
    void Advance(uint64_t num_nanoseconds);

    [[nodiscard]] uint64_t Now(ClockDomain domain) const;

private:
    mutable std::mutex mutex_;
    uint64_t now_[3];  // by ClockDomain; guarded by mutex_
};

}  // namespace opendext
