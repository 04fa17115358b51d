// SPDX-License-Identifier: Apache-2.0
/// @file worker_pool.h
/// The threads on which asynchronous work runs. A task never waits for another to end: when no worker is idle, a
/// new one is made. An idle worker ends after some seconds. One of them, the watcher, stays awake for a bounded time: what
/// comes meanwhile, an interrupt of a busy device say, starts without the kernel.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include "base/interleaver.h"
#include "base/spin_budget.h"

namespace opendext::dispatch {

/// A piece of work, embedded in what it is about. Owned by the submitter; `run` is called once, on a worker, and
/// may destroy it.
struct PoolTask {
    void (*run)(PoolTask *task) = nullptr;
    void *owner = nullptr;  ///< What it is embedded in; for `run`.
    PoolTask *next = nullptr;
    Interleaver::Member *member = nullptr;  ///< The pool's.
};

/// All workers of the process. Any thread. Never destroyed; its threads are detached.
class WorkerPool {
public:
    static WorkerPool &Instance();

    /// Hands over `task`. Returns at once. If no thread can be made, the task waits for a worker that runs; if
    /// there is none either, the process ends with a line that says so.
    void Submit(PoolTask *task);

    /// Waits until nothing is queued, and ends the idle workers. For process shutdown and leak checks; work must
    /// not block for ever then. The pool works again afterwards.
    void Shutdown();

    /// Waits until nothing is queued and no worker is at work, for at most `limit`. On a worker, it and others that wait
    /// here do not count: two drivers that end at one time do not wait for each other.
    /// @return whether that came about. New work may come at once.
    [[nodiscard]] bool WaitUntilIdle(std::chrono::milliseconds limit);

    /// Threads that exist now; for tests.
    [[nodiscard]] size_t NumWorkers();

private:
    WorkerPool() = default;

    static void *WorkerMain(void *pool);
    void RunWorker();
    bool StartWorker();
    // Rests until there is a task. @return false: there was none for long, or the pool ends.
    bool AwaitTask(std::unique_lock<std::mutex> &lock);
    void Watch(std::unique_lock<std::mutex> &lock);

    std::mutex mutex_;
    std::condition_variable work_arrived_;
    std::condition_variable worker_ended_;
    std::condition_variable worker_rests_;
    // All guarded by mutex_.
    PoolTask *first_ = nullptr;
    PoolTask *last_ = nullptr;
    size_t num_queued_ = 0;
    size_t num_idle_ = 0;
    size_t num_workers_ = 0;
    size_t num_waiting_ = 0;         // workers in WaitUntilIdle
    uint64_t num_idle_moments_ = 0;  // that one of them has seen
    bool is_ending_ = false;
    bool has_watcher_ = false;

    std::atomic<bool> has_tasks_ =
        false;  // first_ is not NULL; written under mutex_, read by the watcher
    SpinBudget watch_budget_;
};

}  // namespace opendext::dispatch
