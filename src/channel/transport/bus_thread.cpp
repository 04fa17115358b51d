// SPDX-License-Identifier: Apache-2.0
#include "channel/transport/bus_thread.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>
#include <cerrno>
#include <condition_variable>
#include <string>
#include <utility>

#include <pthread.h>
#include <systemd/sd-event.h>

#include "base/blocked_signals.h"

namespace opendext::channel {

BusThread::BusThread(sd_event *event, UniqueFd doorbell)
    : event_(event), doorbell_(std::move(doorbell)) {}

std::expected<std::unique_ptr<BusThread>, int> BusThread::Start(const char *name) {
    sd_event *event = nullptr;
    const int made = sd_event_new(&event);
    if (made < 0) {
        return std::unexpected(-made);
    }
    UniqueFd doorbell(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    const int doorbell_errno = errno;
    std::unique_ptr<BusThread> bus_thread(new BusThread(event, std::move(doorbell)));
    if (!bus_thread->doorbell_.is_valid()) {
        return std::unexpected(doorbell_errno);
    }
    const int added =
        sd_event_add_io(event, &bus_thread->doorbell_source_, bus_thread->doorbell_.get(), EPOLLIN,
                        &OnDoorbell, bus_thread.get());
    // Made now, so that After needs no descriptor when there is none left.
    const int has_clock = sd_event_add_time(event, &bus_thread->clock_source_, CLOCK_MONOTONIC,
                                            UINT64_MAX, 0, nullptr, nullptr);
    if (added < 0 || has_clock < 0) {
        return std::unexpected(added < 0 ? -added : -has_clock);
    }
    {
        const BlockedSignals blocked;
        bus_thread->thread_ = std::thread([event] { sd_event_loop(event); });
    }
    pthread_setname_np(bus_thread->thread_.native_handle(), name);
    return bus_thread;
}

BusThread::~BusThread() {
    if (thread_.joinable()) {
        Post([this] { sd_event_exit(event_, 0); });
        thread_.join();
    }
    RunPosted();
    for (auto &[id, timer] : timers_) {
        sd_event_source_disable_unref(timer->source);
    }
    sd_event_source_disable_unref(clock_source_);
    sd_event_source_disable_unref(doorbell_source_);
    sd_event_unref(event_);
}

void BusThread::Post(Task task) {
    bool was_empty = false;
    {
        const std::lock_guard lock(mutex_);
        was_empty = posted_.empty();
        posted_.push_back(std::move(task));
    }
    if (was_empty) {
        const uint64_t one = 1;
        [[maybe_unused]] const ssize_t written = write(doorbell_.get(), &one, sizeof(one));
    }
}

void BusThread::RunAndWait(Task task) {
    if (IsCurrent() || !thread_.joinable()) {
        task();
        return;
    }
    std::mutex mutex;
    std::condition_variable done_changed;
    bool is_done = false;
    Post([&] {
        task();
        const std::lock_guard lock(mutex);
        is_done = true;
        done_changed.notify_one();
    });
    std::unique_lock lock(mutex);
    done_changed.wait(lock, [&] { return is_done; });
}

uint64_t BusThread::After(std::chrono::milliseconds delay, Task task) {
    uint64_t id = 0;
    {
        const std::lock_guard lock(mutex_);
        id = ++last_timer_;
    }
    const auto deadline = std::chrono::steady_clock::now().time_since_epoch() + delay;
    const auto deadline_us =
        std::chrono::duration_cast<std::chrono::microseconds>(deadline).count();
    Post([this, id, deadline_us, owned = std::move(task)]() mutable {
        ArmTimer(id, static_cast<uint64_t>(deadline_us), std::move(owned));
    });
    return id;
}

void BusThread::Cancel(uint64_t timer) {
    RunAndWait([this, timer] {
        RunPosted();
        const auto found = timers_.find(timer);
        if (found != timers_.end()) {
            sd_event_source_disable_unref(found->second->source);
            timers_.erase(found);
        }
    });
}

void BusThread::ArmTimer(uint64_t id, uint64_t deadline_us, Task task) {
    auto timer = std::make_unique<Timer>();
    timer->owner = this;
    timer->id = id;
    timer->task = std::move(task);
    constexpr uint64_t kAccuracyUs = 1000;
    if (sd_event_add_time(event_, &timer->source, CLOCK_MONOTONIC, deadline_us, kAccuracyUs,
                          &OnTimer, timer.get()) >= 0) {
        timers_.emplace(id, std::move(timer));
    }
}

int BusThread::OnTimer(sd_event_source *source, uint64_t, void *userdata) {
    auto *timer = static_cast<Timer *>(userdata);
    BusThread *owner = timer->owner;
    Task task = std::move(timer->task);
    owner->timers_.erase(timer->id);
    sd_event_source_disable_unref(source);
    task();
    return 0;
}

int BusThread::OnDoorbell(sd_event_source *, int fd, uint32_t, void *userdata) {
    uint64_t count = 0;
    [[maybe_unused]] const ssize_t num_read = read(fd, &count, sizeof(count));
    static_cast<BusThread *>(userdata)->RunPosted();
    return 0;
}

void BusThread::RunPosted() {
    std::vector<Task> tasks;
    {
        const std::lock_guard lock(mutex_);
        tasks.swap(posted_);
    }
    for (Task &task : tasks) {
        Task owned = std::move(task);  // what it holds goes when it has run
        owned();
    }
}

}  // namespace opendext::channel
