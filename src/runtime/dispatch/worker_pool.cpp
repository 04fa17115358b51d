// SPDX-License-Identifier: Apache-2.0
#include "runtime/dispatch/worker_pool.h"

#include <pthread.h>

#include <chrono>
#include <cstdlib>
#include <utility>

#include "base/log.h"
#include "base/signal_stack.h"
#include "runtime/dispatch/held_work.h"

namespace opendext::dispatch {
namespace {

constexpr std::chrono::seconds kIdleTime{5};

thread_local bool is_worker = false;

/// What the thread keeps back.
struct HeldTasks {
    int num_holds = 0;
    PoolTask *first = nullptr;
    PoolTask *last = nullptr;
};
thread_local HeldTasks t_held;

void Keep(PoolTask *task) {
    task->next = nullptr;
    (t_held.last != nullptr ? t_held.last->next : t_held.first) = task;
    t_held.last = task;
}

void RunTask(PoolTask *task) {
    Interleaver::Member *const member = task->member;  // the task may be gone afterwards
    if (member != nullptr) {
        Interleaver::Instance().Enter(member);
    }
    task->run(task);
    if (member != nullptr) {
        Interleaver::Instance().Leave(member);
    }
}

}  // namespace

void HoldWork() {
    ++t_held.num_holds;
}

void LetWorkGo() {
    if (--t_held.num_holds != 0) {
        return;
    }
    t_held.last = nullptr;
    for (PoolTask *task = std::exchange(t_held.first, nullptr); task != nullptr;) {
        PoolTask *const next = task->next;  // the task may be gone afterwards
        WorkerPool::Instance().Submit(task);
        task = next;
    }
}

WorkerPool &WorkerPool::Instance() {
    static auto *pool = new WorkerPool;
    return *pool;
}

void WorkerPool::Submit(PoolTask *task) {
    if (t_held.num_holds != 0) {
        return Keep(task);
    }
    bool needs_worker = false;
    task->member = Interleaver::IsInForce() ? Interleaver::Instance().Admit() : nullptr;
    {
        const std::lock_guard lock(mutex_);
        task->next = nullptr;
        (last_ != nullptr ? last_->next : first_) = task;
        last_ = task;
        has_tasks_.store(true, std::memory_order_relaxed);
        ++num_queued_;
        needs_worker = num_queued_ > num_idle_;
        if (needs_worker) {
            ++num_workers_;
        } else if (!has_watcher_ || num_queued_ > 1) {
            work_arrived_.notify_one();  // the watcher looks before it rests
        }
    }
    if (needs_worker && !StartWorker()) {
        const std::lock_guard lock(mutex_);
        if (--num_workers_ == 0) {
            LogError(
                "dispatch: no thread can be made for queued work; raise the limit of threads "
                "(ulimit -u)");
            std::abort();
        }
    }
}

bool WorkerPool::StartWorker() {
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) != 0) {
        return false;
    }
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_t thread{};
    const int result = pthread_create(&thread, &attributes, &WorkerMain, this);
    pthread_attr_destroy(&attributes);
    return result == 0;
}

void *WorkerPool::WorkerMain(void *pool) {
    pthread_setname_np(pthread_self(), "dispatch-worker");
    is_worker = true;
    const SignalStack signal_stack;  // a driver that recurses without end leaves a crash report
    static_cast<WorkerPool *>(pool)->RunWorker();
    return nullptr;
}

bool WorkerPool::AwaitTask(std::unique_lock<std::mutex> &lock) {
    ++num_idle_;
    worker_rests_.notify_all();
    if (!has_watcher_ && !is_ending_) {
        Watch(lock);
    }
    work_arrived_.wait_for(lock, kIdleTime, [this] { return first_ != nullptr || is_ending_; });
    --num_idle_;
    return first_ != nullptr;
}

void WorkerPool::Watch(std::unique_lock<std::mutex> &lock) {
    has_watcher_ = true;
    lock.unlock();
    watch_budget_.Spin([this] { return has_tasks_.load(std::memory_order_relaxed); });
    lock.lock();
    has_watcher_ = false;
}

void WorkerPool::RunWorker() {
    std::unique_lock lock(mutex_);
    while (true) {
        if (first_ == nullptr && !AwaitTask(lock)) {
            break;
        }
        PoolTask *task = first_;
        first_ = task->next;
        if (first_ == nullptr) {
            last_ = nullptr;
            has_tasks_.store(false, std::memory_order_relaxed);
        }
        --num_queued_;
        lock.unlock();
        RunTask(task);
        lock.lock();
    }
    --num_workers_;
    worker_ended_.notify_all();
    worker_rests_.notify_all();
}

void WorkerPool::Shutdown() {
    std::unique_lock lock(mutex_);
    is_ending_ = true;
    work_arrived_.notify_all();
    worker_ended_.wait(lock, [this] { return num_workers_ == 0; });
    is_ending_ = false;
}

bool WorkerPool::WaitUntilIdle(std::chrono::milliseconds limit) {
    std::unique_lock lock(mutex_);
    if (!is_worker) {
        return worker_rests_.wait_for(
            lock, limit, [this] { return num_queued_ == 0 && num_workers_ == num_idle_; });
    }
    ++num_waiting_;
    const uint64_t before = num_idle_moments_;
    const bool is_idle = worker_rests_.wait_for(lock, limit, [this, before] {
        if (num_queued_ == 0 && num_workers_ == num_idle_ + num_waiting_) {
            // The others have it from here: who sees it first goes back to work.
            ++num_idle_moments_;
            worker_rests_.notify_all();
        }
        return num_idle_moments_ != before;
    });
    --num_waiting_;
    return is_idle;
}

size_t WorkerPool::NumWorkers() {
    const std::lock_guard lock(mutex_);
    return num_workers_;
}

}  // namespace opendext::dispatch
