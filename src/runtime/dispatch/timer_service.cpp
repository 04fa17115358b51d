// SPDX-License-Identifier: Apache-2.0
#include "runtime/dispatch/timer_service.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <utility>

#include "base/log.h"

namespace opendext::dispatch {
namespace {

constexpr std::array kDomains{ClockDomain::kUptime, ClockDomain::kContinuous, ClockDomain::kWall};

// The other clocks may jump against the one that the thread sleeps by.
constexpr uint64_t kLongestSleepForJumpingClocks = 1'000'000'000;
constexpr uint64_t kLongestSleep = 3'600'000'000'000;

}  // namespace

TimerService &TimerService::Instance() {
    static auto *service = new TimerService;
    return *service;
}

TimerService::TimerService() {
    SetTimeListener([this] {
        FireDue();
        std::unique_lock lock(mutex_);
        ++change_count_;
        changed_.notify_all();
        // What the timer thread took first counts as fired only when it has been called.
        changed_.wait(lock, [this] { return num_firing_ == 0; });
    });
}

TimerId TimerService::Schedule(ClockDomain domain, uint64_t deadline_ns,
                               std::function<void()> fire) {
    const std::lock_guard lock(mutex_);
    const TimerId id{.domain = domain, .deadline_ns = deadline_ns, .number = next_number_++};
    calls_[static_cast<size_t>(domain)].emplace(Key(deadline_ns, id.number), std::move(fire));
    ++change_count_;
    if (!has_thread_) {
        has_thread_ = StartThread();
    }
    changed_.notify_all();
    return id;
}

bool TimerService::Cancel(const TimerId &id) {
    std::function<void()> forgotten;  // destroyed without the lock
    const std::lock_guard lock(mutex_);
    Calls &calls = calls_[static_cast<size_t>(id.domain)];
    const auto found = calls.find(Key(id.deadline_ns, id.number));
    if (found == calls.end()) {
        return false;
    }
    forgotten = std::move(found->second);
    calls.erase(found);
    return true;
}

std::function<void()> TimerService::TakeDue() {
    const std::lock_guard lock(mutex_);
    for (const ClockDomain domain : kDomains) {
        Calls &calls = calls_[static_cast<size_t>(domain)];
        if (!calls.empty() && calls.begin()->first.first <= NowNanoseconds(domain)) {
            std::function<void()> fire = std::move(calls.begin()->second);
            calls.erase(calls.begin());
            ++num_firing_;
            return fire;
        }
    }
    return {};
}

void TimerService::FireDue() {
    while (std::function<void()> fire = TakeDue()) {
        fire();
        const std::lock_guard lock(mutex_);
        --num_firing_;
        changed_.notify_all();
    }
}

std::optional<uint64_t> TimerService::NanosecondsToNextCall() {
    const std::lock_guard lock(mutex_);
    std::optional<uint64_t> nearest;
    for (const ClockDomain domain : kDomains) {
        const Calls &calls = calls_[static_cast<size_t>(domain)];
        if (!calls.empty()) {
            const uint64_t deadline = calls.begin()->first.first;
            const uint64_t now = NowNanoseconds(domain);
            const uint64_t remaining = deadline > now ? deadline - now : 0;
            nearest = std::min(nearest.value_or(remaining), remaining);
        }
    }
    return nearest;
}

std::optional<uint64_t> TimerService::NanosecondsToNext() const {
    std::optional<uint64_t> nearest;
    for (const ClockDomain domain : kDomains) {
        const Calls &calls = calls_[static_cast<size_t>(domain)];
        if (calls.empty()) {
            continue;
        }
        const uint64_t deadline = calls.begin()->first.first;
        const uint64_t now = NowNanoseconds(domain);
        uint64_t remaining = deadline > now ? deadline - now : 0;
        if (domain != ClockDomain::kUptime) {
            remaining = std::min(remaining, kLongestSleepForJumpingClocks);
        }
        nearest = std::min(nearest.value_or(kLongestSleep), remaining);
    }
    return nearest;
}

bool TimerService::StartThread() {
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) != 0) {
        return false;
    }
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_t thread{};
    const int result = pthread_create(
        &thread, &attributes,
        [](void *service) -> void * {
            pthread_setname_np(pthread_self(), "dispatch-timer");
            static_cast<TimerService *>(service)->RunThread();
            return nullptr;
        },
        this);
    pthread_attr_destroy(&attributes);
    if (result != 0) {
        LogError(
            "dispatch: no thread can be made for timers; raise the limit of threads (ulimit -u)");
        std::abort();
    }
    return true;
}

void TimerService::RunThread() {
    std::unique_lock lock(mutex_);
    while (!is_ending_) {
        const uint64_t seen = change_count_;
        const std::optional<uint64_t> remaining = NanosecondsToNext();
        if (remaining == 0) {
            lock.unlock();
            FireDue();
            lock.lock();
            continue;
        }
        const auto is_changed = [this, seen] { return change_count_ != seen || is_ending_; };
        if (!remaining || TimeIsVirtual()) {
            changed_.wait(lock, is_changed);
        } else {
            changed_.wait_for(lock, std::chrono::nanoseconds(*remaining), is_changed);
        }
    }
    has_thread_ = false;
    changed_.notify_all();
}

void TimerService::Shutdown() {
    std::unique_lock lock(mutex_);
    is_ending_ = true;
    changed_.notify_all();
    changed_.wait(lock, [this] { return !has_thread_; });
    is_ending_ = false;
}

}  // namespace opendext::dispatch
