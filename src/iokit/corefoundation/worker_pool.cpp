// SPDX-License-Identifier: Apache-2.0
#include "iokit/corefoundation/worker_pool.h"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

namespace opendext::cf {
namespace {

constexpr std::size_t kMaxThreads = 64;
constexpr std::chrono::seconds kIdleTime{5};

struct Work {
    void *context;
    dispatch_function_t function;
};

class WorkerPool {
public:
    void Submit(Work work) {
        const std::scoped_lock lock(mutex_);
        pending_.push_back(work);
        if (num_idle_ >= pending_.size() || num_threads_ == kMaxThreads) {
            arrived_.notify_one();
            return;
        }
        ++num_threads_;
        std::thread([this] { Serve(); }).detach();
    }

private:
    void Serve() {
        std::unique_lock lock(mutex_);
        for (;;) {
            ++num_idle_;
            const bool has_work =
                arrived_.wait_for(lock, kIdleTime, [this] { return !pending_.empty(); });
            --num_idle_;
            if (!has_work) {
                --num_threads_;
                return;
            }
            const Work work = pending_.front();
            pending_.pop_front();
            lock.unlock();
            work.function(work.context);
            lock.lock();
        }
    }

    std::mutex mutex_;
    std::condition_variable arrived_;
    // Guarded by mutex_.
    std::deque<Work> pending_;
    std::size_t num_threads_ = 0;
    std::size_t num_idle_ = 0;
};

}  // namespace

void SubmitToPool(void *context, dispatch_function_t work) {
    // Lives for ever: its threads may outlast main().
    static auto *const pool = new WorkerPool;
    pool->Submit({context, work});
}

}  // namespace opendext::cf
