// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/unique_fd.h"

struct sd_event;
struct sd_event_source;

namespace opendext::channel {

/// The thread on which all control messages of a process are sent and received: it owns an sd-event loop. One
/// per process. Nothing that runs on it may block. Every BusPeer must be destroyed before it. Any thread may
/// call, except where noted.
class BusThread {
public:
    using Task = std::move_only_function<void()>;

    /// Starts the thread; `name` (at most 15 bytes) shows in ps and gdb.
    /// @return errno of what failed.
    [[nodiscard]] static std::expected<std::unique_ptr<BusThread>, int> Start(const char *name);

    /// Runs what was posted before, then ends the thread. Not on the thread itself.
    ~BusThread();
    BusThread(const BusThread &) = delete;
    BusThread &operator=(const BusThread &) = delete;

    /// Runs `task` on the thread, after what was posted before it.
    void Post(Task task);

    /// As Post, and waits until it has run. On the thread itself it runs at once.
    void RunAndWait(Task task);

    /// Runs `task` on the thread once, after `delay`. @return a name for Cancel, never 0.
    uint64_t After(std::chrono::milliseconds delay, Task task);

    /// Forgets a delayed task that has not started. An unknown name is ignored.
    void Cancel(uint64_t timer);

    [[nodiscard]] bool IsCurrent() const { return std::this_thread::get_id() == thread_.get_id(); }

    /// For sources of one's own (children, listening sockets): use it on the thread only.
    [[nodiscard]] sd_event *event() const { return event_; }

private:
    struct Timer {
        BusThread *owner = nullptr;
        uint64_t id = 0;
        sd_event_source *source = nullptr;
        Task task;
    };

    BusThread(sd_event *event, UniqueFd doorbell);
    static int OnDoorbell(sd_event_source *source, int fd, uint32_t events, void *userdata);
    static int OnTimer(sd_event_source *source, uint64_t now_us, void *userdata);
    void ArmTimer(uint64_t id, uint64_t deadline_us, Task task);
    void RunPosted();

    sd_event *const event_;
    const UniqueFd doorbell_;
    sd_event_source *doorbell_source_ = nullptr;
    sd_event_source *clock_source_ = nullptr;
    std::unordered_map<uint64_t, std::unique_ptr<Timer>> timers_;  // used on the thread only

    std::mutex mutex_;
    std::vector<Task> posted_;  // guarded by mutex_
    uint64_t last_timer_ = 0;   // guarded by mutex_
    std::thread thread_;
};

}  // namespace opendext::channel
