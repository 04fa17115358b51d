// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <utility>

#include "registry/scheduler.h"

namespace opendext::registry::testing {

/// Time that passes when a test says so.
class FakeScheduler final : public Scheduler {
public:
    void Post(std::function<void()> task) override { posted_.push_back(std::move(task)); }

    uint64_t After(std::chrono::milliseconds delay, std::function<void()> task) override {
        timers_[next_timer_] = {now_ + delay, std::move(task)};
        return next_timer_++;
    }

    void Cancel(uint64_t timer) override { timers_.erase(timer); }

    /// Runs what is posted, and what that posts.
    void Run() {
        while (!posted_.empty()) {
            const std::function<void()> task = std::move(posted_.front());
            posted_.pop_front();
            task();
        }
    }

    /// Lets time pass: runs what is posted and the timers that are due, earliest first.
    void Advance(std::chrono::milliseconds time) {
        const std::chrono::milliseconds end = now_ + time;
        Run();
        for (;;) {
            auto due = timers_.end();
            for (auto timer = timers_.begin(); timer != timers_.end(); ++timer) {
                if (timer->second.first <= end &&
                    (due == timers_.end() || timer->second.first < due->second.first)) {
                    due = timer;
                }
            }
            if (due == timers_.end()) {
                break;
            }
            now_ = due->second.first;
            const std::function<void()> task = std::move(due->second.second);
            timers_.erase(due);
            task();
            Run();
        }
        now_ = end;
    }

    [[nodiscard]] size_t num_timers() const { return timers_.size(); }

private:
    std::chrono::milliseconds now_{0};
    std::deque<std::function<void()>> posted_;
    uint64_t next_timer_ = 1;
    std::map<uint64_t, std::pair<std::chrono::milliseconds, std::function<void()>>> timers_;
};

}  // namespace opendext::registry::testing
