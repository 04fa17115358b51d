// SPDX-License-Identifier: Apache-2.0
#include <dispatch/dispatch.h>

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "iokit/corefoundation/dispatch_object.h"

namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

// The latest time that the clock can tell; about 292 years.
constexpr dispatch_time_t kLatestTime = INT64_MAX;

dispatch_time_t Now() {
    const auto since_start = std::chrono::steady_clock::now().time_since_epoch();
    return static_cast<dispatch_time_t>(std::chrono::nanoseconds(since_start).count());
}

SteadyTime ToSteadyTime(dispatch_time_t when) {
    return SteadyTime(std::chrono::nanoseconds(static_cast<int64_t>(std::min(when, kLatestTime))));
}

class Semaphore : public opendext::cf::DispatchObject {
public:
    explicit Semaphore(intptr_t value) : permits_(value) {}

    bool Wait(dispatch_time_t timeout) {
        std::unique_lock lock(mutex_);
        const auto has_permit = [this] { return permits_ > 0; };
        ++num_waiting_;
        bool got_permit = true;
        if (timeout == DISPATCH_TIME_FOREVER) {
            given_.wait(lock, has_permit);
        } else {
            got_permit = given_.wait_until(lock, ToSteadyTime(timeout), has_permit);
        }
        --num_waiting_;
        permits_ -= got_permit ? 1 : 0;
        return got_permit;
    }

    bool Signal() {
        const std::scoped_lock lock(mutex_);
        ++permits_;
        given_.notify_one();
        return num_waiting_ >= permits_;
    }

private:
    std::mutex mutex_;
    std::condition_variable given_;
    // Guarded by mutex_.
    intptr_t permits_;
    intptr_t num_waiting_ = 0;
};

struct DelayedWork {
    dispatch_queue_t queue;  // Retained.
    void *context;
    dispatch_function_t work;
};

// Queues delayed work when its time comes, from a thread of its own.
class DelayLine {
public:
    void Add(dispatch_time_t when, const DelayedWork &work) {
        const std::scoped_lock lock(mutex_);
        const auto added = pending_.emplace(when, work);
        if (!is_running_) {
            is_running_ = true;
            std::thread([this] { Serve(); }).detach();
        } else if (added == pending_.begin()) {
            changed_.notify_one();
        }
    }

private:
    void Serve() {
        std::unique_lock lock(mutex_);
        while (!pending_.empty()) {
            const auto first = pending_.begin();
            if (first->first > Now()) {
                changed_.wait_until(lock, ToSteadyTime(first->first));
                continue;
            }
            const DelayedWork work = first->second;
            pending_.erase(first);
            lock.unlock();
            dispatch_async_f(work.queue, work.context, work.work);
            dispatch_release(work.queue);
            lock.lock();
        }
        is_running_ = false;
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    // Guarded by mutex_.
    std::multimap<dispatch_time_t, DelayedWork> pending_;
    bool is_running_ = false;
};

Semaphore *AsSemaphore(dispatch_semaphore_t semaphore) {
    return reinterpret_cast<Semaphore *>(semaphore);
}

}  // namespace

dispatch_time_t dispatch_time(dispatch_time_t when, int64_t delta) {
    if (when == DISPATCH_TIME_FOREVER) {
        return when;
    }
    const dispatch_time_t base = when == DISPATCH_TIME_NOW ? Now() : when;
    if (delta >= 0) {
        const dispatch_time_t sum = base + static_cast<dispatch_time_t>(delta);
        return sum > kLatestTime ? DISPATCH_TIME_FOREVER : sum;
    }
    // 0 would mean "now", whenever it is used.
    const dispatch_time_t back = -static_cast<dispatch_time_t>(delta);
    return back >= base ? 1 : base - back;
}

void dispatch_after_f(dispatch_time_t when, dispatch_queue_t queue, void *context,
                      dispatch_function_t work) {
    // Lives for ever: its thread may outlast main().
    static auto *const line = new DelayLine;
    if (when <= Now()) {
        dispatch_async_f(queue, context, work);
        return;
    }
    dispatch_retain(queue);
    line->Add(when, {queue, context, work});
}

dispatch_semaphore_t dispatch_semaphore_create(intptr_t value) {
    return value < 0 ? nullptr : reinterpret_cast<dispatch_semaphore_t>(new Semaphore(value));
}

intptr_t dispatch_semaphore_wait(dispatch_semaphore_t dsema, dispatch_time_t timeout) {
    return AsSemaphore(dsema)->Wait(timeout) ? 0 : 1;
}

intptr_t dispatch_semaphore_signal(dispatch_semaphore_t dsema) {
    return AsSemaphore(dsema)->Signal() ? 1 : 0;
}
