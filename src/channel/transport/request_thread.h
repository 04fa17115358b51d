// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace opendext::channel {

/// Runs what the bus thread must not wait for, one after the other, on a thread that is started when there is
/// something to run. Any thread.
class RequestThread {
public:
    using Request = std::move_only_function<void()>;

    /// Requests that may wait; what comes beyond is refused.
    static constexpr size_t kMaxWaiting = 256;

    RequestThread() = default;
    ~RequestThread() { Stop(); }
    RequestThread(const RequestThread &) = delete;
    RequestThread &operator=(const RequestThread &) = delete;

    /// @return whether `request` will run; it is gone otherwise.
    bool Post(Request request);

    /// Drops what waits, waits for what runs, and refuses what comes. Not on the thread itself.
    void Stop();

private:
    void Run();

    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Request> waiting_;  // guarded by mutex_
    bool is_stopped_ = false;      // guarded by mutex_
    std::thread thread_;           // guarded by mutex_ until is_stopped_
};

}  // namespace opendext::channel
