// SPDX-License-Identifier: Apache-2.0
/// @file operation_thread.h
/// A thread for calls that may take long.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace opendext {

/// Makes calls that may wait for a device, one after the other, on a thread that starts with the first. Any thread.
class OperationThread {
public:
    /// `name`: the thread's, at most 15 characters, with static storage.
    explicit OperationThread(const char *name) : name_(name) {}
    ~OperationThread() { Stop(); }
    OperationThread(const OperationThread &) = delete;
    OperationThread &operator=(const OperationThread &) = delete;

    /// Does not wait. @return false when there is no thread to be had. After Stop nothing is done with it.
    [[nodiscard]] bool Post(std::move_only_function<void()> operation);

    /// Waits for the call that is under way; those behind it are not made. Not on the thread itself.
    void Stop();

private:
    void Run();

    const char *const name_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::move_only_function<void()>> operations_;  // guarded by mutex_
    bool is_stopped_ = false;                                 // guarded by mutex_
    std::thread thread_;                                      // guarded by mutex_
};

}  // namespace opendext
