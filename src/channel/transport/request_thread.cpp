// SPDX-License-Identifier: Apache-2.0
#include "channel/transport/request_thread.h"

#include <system_error>
#include <utility>

#include <pthread.h>

#include "base/blocked_signals.h"

namespace opendext::channel {

bool RequestThread::Post(Request request) {
    const std::lock_guard lock(mutex_);
    if (is_stopped_ || waiting_.size() >= kMaxWaiting) {
        return false;
    }
    if (!thread_.joinable()) {
        const BlockedSignals blocked;
        try {
            thread_ = std::thread([this] { Run(); });
        } catch (const std::system_error &) {
            return false;
        }
        pthread_setname_np(thread_.native_handle(), "memory-request");
    }
    waiting_.push_back(std::move(request));
    changed_.notify_one();
    return true;
}

void RequestThread::Stop() {
    std::deque<Request> dropped;  // destroyed after the lock
    {
        const std::lock_guard lock(mutex_);
        is_stopped_ = true;
        dropped.swap(waiting_);
        changed_.notify_one();
    }
    if (thread_.joinable()) {
        thread_.join();
    }
}

void RequestThread::Run() {
    std::unique_lock lock(mutex_);
    while (true) {
        changed_.wait(lock, [this] { return is_stopped_ || !waiting_.empty(); });
        if (is_stopped_) {
            return;
        }
        Request request = std::move(waiting_.front());
        waiting_.pop_front();
        lock.unlock();
        request();
        request = nullptr;
        lock.lock();
    }
}

}  // namespace opendext::channel
