// SPDX-License-Identifier: Apache-2.0
/// @file event.h
/// For tests: something that happens on another thread. Any thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace opendext::dispatch {

/// Counts how often it was set.
class Event {
public:
    void Set() {
        const std::lock_guard lock(mutex_);
        ++count_;
        changed_.notify_all();
    }

    /// Waits until it was set `count` times. @return false after 30 seconds: something hangs.
    [[nodiscard]] bool Wait(int count = 1) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, std::chrono::seconds(30), [&] { return count_ >= count; });
    }

    [[nodiscard]] int count() {
        const std::lock_guard lock(mutex_);
        return count_;
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    int count_ = 0;
};

}  // namespace opendext::dispatch
