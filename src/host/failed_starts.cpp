// SPDX-License-Identifier: Apache-2.0
#include "host/failed_starts.h"

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "runtime/dispatch/run_sync.h"
#include "runtime/dispatch/timer_service.h"
#include "runtime/dispatch/worker_pool.h"

namespace opendext::host {

namespace {

using std::chrono::milliseconds;

// Looks at twice the time each: after the last one it has waited for two seconds.
constexpr milliseconds kFirstDelay{16};
constexpr milliseconds kLastDelay{1024};

/// For handlers of Cancel when the driver ends: a busy machine may take its time.
constexpr milliseconds kClosePatience{3000};

}  // namespace

void FailedStarts::Watch(service::FailedStart start) {
    const auto watched = std::make_shared<const service::FailedStart>(std::move(start));
    {
        const std::scoped_lock lock(mutex_);
        watched_.push_back(watched);
    }
    LookAfter(watched, kFirstDelay);
}

void FailedStarts::LookAfter(const Start &start, milliseconds delay) {
    const auto nanoseconds = static_cast<uint64_t>(std::chrono::nanoseconds(delay).count());
    dispatch::TimerService::Instance().Schedule(
        ClockDomain::kUptime, NowNanoseconds(ClockDomain::kUptime) + nanoseconds,
        [weak = weak_from_this(), weak_start = std::weak_ptr(start), delay] {
            dispatch::RunOnWorker([weak, weak_start, delay] {
                const std::shared_ptr<FailedStarts> alive = weak.lock();
                const Start still_watched = weak_start.lock();
                if (alive != nullptr && still_watched != nullptr) {
                    alive->Look(still_watched, delay);
                }
            });
        });
}

void FailedStarts::Look(const Start &start, milliseconds delay) {
    if (service::HasLeftovers(*start) && delay < kLastDelay) {
        LookAfter(start, delay * 2);
    } else if (Forget(start)) {
        service::ReportLeftovers(*start);
    }
}

bool FailedStarts::Forget(const Start &start) {
    const std::scoped_lock lock(mutex_);
    return watched_.remove(start) != 0;
}

void FailedStarts::Close() {
    std::list<Start> left;
    {
        const std::scoped_lock lock(mutex_);
        left.swap(watched_);
    }
    if (std::ranges::any_of(left,
                            [](const Start &start) { return service::HasLeftovers(*start); })) {
        // Handlers of Cancel may be on their way.
        (void)dispatch::WorkerPool::Instance().WaitUntilIdle(kClosePatience);
    }
    for (const Start &start : left) {
        service::ReportLeftovers(*start);
    }
}

}  // namespace opendext::host
