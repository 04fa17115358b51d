// SPDX-License-Identifier: Apache-2.0
/// @file serial_queue.h
/// The queue inside an IODispatchQueue. Work runs in the order of submission, one piece at a time, on any thread:
/// whoever comes to an idle queue synchronously runs at once on its own thread, asynchronous work runs on the
/// worker pool. No lock is held while work runs.
///
/// Ownership of the turn: the queue is either idle or owned by exactly one of: a synchronous caller, a worker
/// that drains it, or a group of concurrent items. The owner passes the turn to the first entry when it is done.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.h"
#include "runtime/dispatch/parker.h"
#include "runtime/dispatch/worker_pool.h"

namespace opendext::dispatch {

class SerialQueue;
struct QueueEntry;

/// Whether the entry is a block or function of DispatchAsync and the like.
[[nodiscard]] bool IsDriverWork(const QueueEntry &entry);

/// What waits in a queue.
struct QueueEntry {
    enum class Kind : uint8_t {
        kAsync,       ///< A WorkItem, run alone by a worker.
        kConcurrent,  ///< A WorkItem, run by a worker at the same time as its kind.
        kWaiter,      ///< A thread that waits for its turn.
    };
    QueueEntry *next = nullptr;
    Kind kind = Kind::kAsync;
    /// Runs even on a cancelled queue.
    bool always = false;
};

/// Asynchronous work. Allocated by the submitter; `run` is called exactly once and frees it.
struct WorkItem : QueueEntry {
    /// @param was_dropped the queue was cancelled: free the item, do not do the work.
    void (*run)(WorkItem *item, bool was_dropped) = nullptr;
    SerialQueue *queue = nullptr;  ///< Set while it waits for the pool; the queue's.
    PoolTask task;                 ///< The queue's.
};

/// One level of a thread's nesting in queues; on the stack while the work runs.
struct QueueFrame {
    SerialQueue *queue;
    QueueFrame *outer;
    bool is_exclusive = true;
    bool has_slept = false;
};

/// Counted by itself (Retain, Release), so that it outlives the object that it is in while work runs. Any thread.
class SerialQueue {
public:
    using Function = void (*)(void *context);

    /// One reference for the caller.
    static SerialQueue *Create(std::string name, bool is_reentrant) {
        return new SerialQueue(std::move(name), is_reentrant);
    }

    void Retain() { references_.fetch_add(1, std::memory_order_relaxed); }
    void Release() {
        if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
            delete this;
        }
    }

    [[nodiscard]] const std::string &name() const { return name_; }
    [[nodiscard]] bool is_reentrant() const { return is_reentrant_; }

    /// Whether the calling thread runs work of this queue, at any level.
    [[nodiscard]] bool OnQueue() const { return FindFrame() != nullptr; }

    /// Runs `function(context)` on this thread when the turn comes; at once when it is on the queue already.
    /// @return false when the queue was cancelled, and it did not run.
    bool RunSync(Function function, void *context);
    /// The same for callers that hold a reference until it returns.
    bool RunSyncKept(Function function, void *context);

    /// Queues `item`; it is dropped (run with was_dropped, on this thread) when the queue is cancelled.
    void Submit(WorkItem *item);

    /// Cancels: drops what waits, except entries with `always`. When the work that runs or sleeps has ended,
    /// `handler` (may be NULL) runs on the queue.
    /// @return false when it was cancelled before; `handler` is queued nevertheless.
    bool Cancel(WorkItem *handler);
    [[nodiscard]] bool IsCancelled() const {
        return (state_.load(std::memory_order_acquire) & kCancelled) != 0;
    }

    struct Deadline {
        ClockDomain domain;
        uint64_t nanoseconds;
    };
    enum class SleepResult { kWoken, kTimedOut, kNotOnQueue };

    /// Gives up the turn, waits for Wake(event), and returns on the queue.
    SleepResult Sleep(const void *event, std::optional<Deadline> deadline);

    /// Lets the first sleeper of `event` go on, or all. @return how many.
    size_t Wake(const void *event, bool all);

    /// What a driver has left in the queue.
    struct Unfinished {
        size_t num_blocks = 0;  ///< That wait for their turn.
        bool has_sleepers = false;
    };
    [[nodiscard]] Unfinished FindUnfinished();

    /// The innermost level of the calling thread, or NULL.
    static const QueueFrame *CurrentFrame();

private:
    struct Waiter;
    struct Sleeper;

    static constexpr uint32_t kOwned = 1;      // somebody has the turn
    static constexpr uint32_t kPending = 2;    // entries wait; only together with kOwned
    static constexpr uint32_t kCancelled = 4;  // changes are rare and go the slow way

    SerialQueue(std::string name, bool is_reentrant);
    ~SerialQueue() = default;

    [[nodiscard]] QueueFrame *FindFrame() const;
    bool AcquireTurn(bool always);
    bool AcquireTurnSlowly(bool always);
    void ReleaseTurn(const QueueFrame &frame);
    void EndFrame(const QueueFrame &frame);
    void PassTurn(bool is_worker);
    void RunItem(WorkItem *item, bool is_exclusive);
    void EndConcurrentItem();

    void Append(QueueEntry *entry);
    QueueEntry *TakeFirst();
    QueueEntry *TakeDroppable();
    void QueueCancelHandlers();
    bool TakeTurnIfIdle();
    void SubmitToPool(WorkItem *item);
    void SubmitGroup(QueueEntry *group);
    QueueEntry *TakeConcurrentGroup();

    static void Drop(QueueEntry *entries);
    static void DrainOnWorker(PoolTask *task);
    static void RunConcurrentOnWorker(PoolTask *task);

    std::atomic<uint32_t> state_{0};
    std::atomic<uint32_t> references_{1};
    const bool is_reentrant_;
    const std::string name_;
    PoolTask drain_task_;

    std::mutex mutex_;
    // All guarded by mutex_.
    QueueEntry *first_ = nullptr;
    QueueEntry *last_ = nullptr;
    uint32_t num_concurrent_ = 0;    // running members of the group that has the turn
    uint32_t num_slept_frames_ = 0;  // frames that gave up the turn and have not ended
    QueueEntry *cancel_handlers_ = nullptr;
    std::shared_ptr<Sleeper> first_sleeper_;
};

}  // namespace opendext::dispatch
