// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

namespace opendext::backends {

/// When something is due. Whatever has a time limit derives from it.
struct UsbDeadline {
    std::chrono::steady_clock::time_point at;
    bool is_watched = false;
};

/// Watches deadlines, on a thread of its own that starts with the first one. It sleeps until the next deadline; one that
/// has been taken back does not wake it. Every method wants the port's lock held.
class UsbTimeouts {
public:
    /// Called on the thread, with the lock held, once for each deadline that has come; it is not watched any more.
    using DueFunction =
        std::function<void(std::unique_lock<std::mutex> &lock, UsbDeadline &deadline)>;

    explicit UsbTimeouts(DueFunction on_due) : on_due_(std::move(on_due)) {}
    UsbTimeouts(const UsbTimeouts &) = delete;
    UsbTimeouts &operator=(const UsbTimeouts &) = delete;

    /// `deadline` stays until it is due or has been removed.
    void Add(std::mutex &mutex, UsbDeadline &deadline);

    /// Not watched: does nothing.
    void Remove(UsbDeadline &deadline);

    /// Ends the thread; the lock is given up meanwhile. Last, and not on the thread itself.
    void Stop(std::unique_lock<std::mutex> &lock);

private:
    using TimePoint = std::chrono::steady_clock::time_point;

    void StartThread(std::mutex &mutex);
    void Run(std::mutex &mutex);

    const DueFunction on_due_;
    std::set<std::pair<TimePoint, UsbDeadline *>> deadlines_;
    TimePoint wakes_at_ = TimePoint::max();
    bool is_ending_ = false;
    std::condition_variable changed_;
    std::thread thread_;
};

}  // namespace opendext::backends
