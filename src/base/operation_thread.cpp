// SPDX-License-Identifier: Apache-2.0
#include "base/operation_thread.h"

#include <pthread.h>
#include <system_error>
#include <utility>

#include "base/blocked_signals.h"

namespace opendext {

bool OperationThread::Post(std::move_only_function<void()> operation) {
    const std::lock_guard lock(mutex_);
    if (is_stopped_) {
        return true;
    }
    if (!thread_.joinable()) {
        try {
            const BlockedSignals blocked;
            thread_ = std::thread([this] { Run(); });
        } catch (const std::system_error &) {
            return false;
        }
    }
    operations_.push_back(std::move(operation));
    changed_.notify_one();
    return true;
}

void OperationThread::Stop() {
    std::deque<std::move_only_function<void()>> dropped;  // ends after the lock
    {
        const std::lock_guard lock(mutex_);
        is_stopped_ = true;
        dropped.swap(operations_);
        changed_.notify_one();
    }
    if (thread_.joinable()) {
        thread_.join();
    }
}

void OperationThread::Run() {
    pthread_setname_np(pthread_self(), name_);
    std::unique_lock lock(mutex_);
    while (true) {
        changed_.wait(lock, [this] { return is_stopped_ || !operations_.empty(); });
        if (is_stopped_) {
            return;
        }
        auto operation = std::move(operations_.front());
        operations_.pop_front();
        lock.unlock();
        operation();
        operation = nullptr;
        lock.lock();
    }
}

}  // namespace opendext
