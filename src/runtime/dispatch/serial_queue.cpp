// SPDX-License-Identifier: Apache-2.0
#include "runtime/dispatch/serial_queue.h"

#include <utility>

#include "base/race_annotations.h"
#include "runtime/dispatch/timer_service.h"

namespace opendext::dispatch {
namespace {

// Every call of an application reads it. A library that is loaded later gets the room for it, too: glibc keeps some.
[[gnu::tls_model("initial-exec")]] thread_local QueueFrame *t_frame = nullptr;

class FrameScope {
public:
    FrameScope(SerialQueue *queue, bool is_exclusive)
        : frame_{
              .queue = queue, .outer = t_frame, .is_exclusive = is_exclusive, .has_slept = false} {
        t_frame = &frame_;
    }
    ~FrameScope() { t_frame = frame_.outer; }
    FrameScope(const FrameScope &) = delete;
    FrameScope &operator=(const FrameScope &) = delete;

    [[nodiscard]] const QueueFrame &frame() const { return frame_; }

private:
    QueueFrame frame_;
};

}  // namespace

struct SerialQueue::Waiter : QueueEntry {
    Parker parker;
    bool was_dropped = false;  // written before Signal
};

struct SerialQueue::Sleeper {
    const void *event;
    Parker parker;
    // Guarded by the queue's mutex.
    std::shared_ptr<Sleeper> next;
    bool is_woken = false;
    // Whoever sets it may signal.
    std::atomic<bool> is_signalled{false};

    void SignalOnce() {
        if (!is_signalled.exchange(true)) {
            parker.Signal();
        }
    }
};

SerialQueue::SerialQueue(std::string name, bool is_reentrant)
    : is_reentrant_(is_reentrant), name_(std::move(name)) {
    drain_task_.run = &DrainOnWorker;
    drain_task_.owner = this;
}

const QueueFrame *SerialQueue::CurrentFrame() {
    return t_frame;
}

QueueFrame *SerialQueue::FindFrame() const {
    for (QueueFrame *frame = t_frame; frame != nullptr; frame = frame->outer) {
        if (frame->queue == this) {
            return frame;
        }
    }
    return nullptr;
}

// --- Synchronous callers

#pragma clang section text = "opendext_call_driver"
bool SerialQueue::RunSync(Function function, void *context) {
    // The work may drop the last reference to the object that this queue is in.
    Retain();
    const bool has_run = RunSyncKept(function, context);
    Release();
    return has_run;
}

bool SerialQueue::RunSyncKept(Function function, void *context) {
    if (OnQueue()) {
        function(context);
        return true;
    }
    Interleaver::Point();
    const bool has_turn = AcquireTurn(false);
    if (has_turn) {
        FrameScope scope(this, true);
        function(context);
        EndFrame(scope.frame());
        ReleaseTurn(scope.frame());
    }
    return has_turn;
}

bool SerialQueue::AcquireTurn(bool always) {
    uint32_t idle = 0;
    if (state_.compare_exchange_strong(idle, kOwned, std::memory_order_acquire,
                                       std::memory_order_relaxed)) {
        TakeOver(&state_);
        return true;
    }
    return AcquireTurnSlowly(always);
}

#pragma clang section text = ""

bool SerialQueue::AcquireTurnSlowly(bool always) {
    Waiter waiter;
    waiter.kind = QueueEntry::Kind::kWaiter;
    waiter.always = always;
    {
        const std::lock_guard lock(mutex_);
        if (IsCancelled() && !always) {
            return false;
        }
        if (TakeTurnIfIdle()) {
            return true;
        }
        Append(&waiter);
    }
    waiter.parker.Wait();
    return !waiter.was_dropped;
}

#pragma clang section text = "opendext_call_driver"
void SerialQueue::EndFrame(const QueueFrame &frame) {
    if (frame.has_slept) {
        const std::lock_guard lock(mutex_);
        --num_slept_frames_;
        QueueCancelHandlers();
    }
}

void SerialQueue::ReleaseTurn(const QueueFrame &frame) {
    if (!frame.is_exclusive) {
        EndConcurrentItem();
        return;
    }
    HandOver(&state_);
    uint32_t owned = kOwned;
    if (!state_.compare_exchange_strong(owned, 0, std::memory_order_release,
                                        std::memory_order_relaxed)) {
        PassTurn(false);
    }
}

#pragma clang section text = ""

// --- Passing the turn

// The caller has the turn. It goes to the first entry, or the queue becomes idle. A worker runs asynchronous
// items itself, anybody else leaves them to the pool.
void SerialQueue::PassTurn(bool is_worker) {
    while (true) {
        std::unique_lock lock(mutex_);
        if (first_ == nullptr) {
            HandOver(&state_);
            state_.fetch_and(~kOwned, std::memory_order_release);
            return;
        }
        switch (first_->kind) {
            case QueueEntry::Kind::kWaiter: {
                auto *waiter = static_cast<Waiter *>(TakeFirst());
                lock.unlock();
                waiter->parker.Signal();
                return;
            }
            case QueueEntry::Kind::kConcurrent: {
                QueueEntry *group = TakeConcurrentGroup();
                lock.unlock();
                SubmitGroup(group);
                return;
            }
            case QueueEntry::Kind::kAsync:
                if (!is_worker) {
                    Retain();
                    lock.unlock();
                    WorkerPool::Instance().Submit(&drain_task_);
                    return;
                }
                auto *item = static_cast<WorkItem *>(TakeFirst());
                lock.unlock();
                Interleaver::Point();
                RunItem(item, true);
                break;
        }
    }
}

void SerialQueue::DrainOnWorker(PoolTask *task) {
    auto *queue = static_cast<SerialQueue *>(task->owner);
    queue->PassTurn(true);
    queue->Release();
}

void SerialQueue::RunItem(WorkItem *item, bool is_exclusive) {
    FrameScope scope(this, is_exclusive);
    item->run(item, false);
    EndFrame(scope.frame());
    // A concurrent item that slept came back alone, with the turn.
    if (!is_exclusive) {
        ReleaseTurn(scope.frame());
    }
}

// --- Concurrent items

QueueEntry *SerialQueue::TakeConcurrentGroup() {
    QueueEntry *group = nullptr;
    QueueEntry **end = &group;
    while (first_ != nullptr && first_->kind == QueueEntry::Kind::kConcurrent) {
        *end = TakeFirst();
        end = &(*end)->next;
        ++num_concurrent_;
    }
    *end = nullptr;
    return group;
}

void SerialQueue::SubmitGroup(QueueEntry *group) {
    while (group != nullptr) {
        SubmitToPool(static_cast<WorkItem *>(std::exchange(group, group->next)));
    }
}

void SerialQueue::SubmitToPool(WorkItem *item) {
    Retain();
    item->queue = this;
    item->task.run = &RunConcurrentOnWorker;
    item->task.owner = item;
    WorkerPool::Instance().Submit(&item->task);
}

void SerialQueue::RunConcurrentOnWorker(PoolTask *task) {
    auto *item = static_cast<WorkItem *>(task->owner);
    SerialQueue *queue = item->queue;
    queue->RunItem(item, false);
    queue->Release();
}

void SerialQueue::EndConcurrentItem() {
    {
        const std::lock_guard lock(mutex_);
        if (--num_concurrent_ != 0) {
            return;
        }
    }
    PassTurn(false);
}

// --- Asynchronous submission

void SerialQueue::Submit(WorkItem *item) {
    bool has_turn = false;
    {
        std::unique_lock lock(mutex_);
        if (IsCancelled() && !item->always) {
            lock.unlock();
            item->run(item, true);
            return;
        }
        if (item->kind == QueueEntry::Kind::kConcurrent && num_concurrent_ != 0 &&
            first_ == nullptr) {
            ++num_concurrent_;
            lock.unlock();
            SubmitToPool(item);
            return;
        }
        has_turn = TakeTurnIfIdle();
        Append(item);
    }
    if (has_turn) {
        PassTurn(false);
    }
}

// --- The list; all with mutex_ held

// An owner that gives up the turn without the lock sees kPending and takes the lock; so either it is still there
// and will find the entry, or the turn is ours.
bool SerialQueue::TakeTurnIfIdle() {
    const uint32_t before = state_.fetch_or(kOwned | kPending, std::memory_order_acq_rel);
    if ((before & kOwned) != 0) {
        return false;
    }
    state_.fetch_and(~kPending, std::memory_order_relaxed);
    TakeOver(&state_);
    return true;
}

SerialQueue::Unfinished SerialQueue::FindUnfinished() {
    Unfinished unfinished;
    const std::lock_guard lock(mutex_);
    for (const QueueEntry *entry = first_; entry != nullptr; entry = entry->next) {
        unfinished.num_blocks += IsDriverWork(*entry) && !entry->always ? 1 : 0;
    }
    unfinished.has_sleepers = first_sleeper_ != nullptr;
    return unfinished;
}

void SerialQueue::Append(QueueEntry *entry) {
    entry->next = nullptr;
    (last_ != nullptr ? last_->next : first_) = entry;
    last_ = entry;
    state_.fetch_or(kPending, std::memory_order_relaxed);
}

QueueEntry *SerialQueue::TakeFirst() {
    QueueEntry *entry = first_;
    first_ = entry->next;
    if (first_ == nullptr) {
        last_ = nullptr;
        state_.fetch_and(~kPending, std::memory_order_relaxed);
    }
    return entry;
}

QueueEntry *SerialQueue::TakeDroppable() {
    QueueEntry *dropped = nullptr;
    QueueEntry **dropped_end = &dropped;
    QueueEntry *entry = std::exchange(first_, nullptr);
    last_ = nullptr;
    state_.fetch_and(~kPending, std::memory_order_relaxed);
    while (entry != nullptr) {
        QueueEntry *next = std::exchange(entry->next, nullptr);
        if (entry->always) {
            Append(entry);
        } else {
            *dropped_end = entry;
            dropped_end = &entry->next;
        }
        entry = next;
    }
    return dropped;
}

// --- Cancelling

bool SerialQueue::Cancel(WorkItem *handler) {
    QueueEntry *dropped = nullptr;
    bool was_cancelled = false;
    bool has_turn = false;
    {
        const std::lock_guard lock(mutex_);
        was_cancelled = (state_.fetch_or(kCancelled, std::memory_order_acq_rel) & kCancelled) != 0;
        dropped = TakeDroppable();
        if (handler != nullptr) {
            handler->always = true;
            handler->next = nullptr;
            QueueEntry **end = &cancel_handlers_;
            while (*end != nullptr) {
                end = &(*end)->next;
            }
            *end = handler;
        }
        if (num_slept_frames_ == 0 && cancel_handlers_ != nullptr) {
            has_turn = TakeTurnIfIdle();
            QueueCancelHandlers();
        }
    }
    Drop(dropped);
    if (has_turn) {
        PassTurn(false);
    }
    return !was_cancelled;
}

// Moves the handlers to the list once nothing sleeps.
void SerialQueue::QueueCancelHandlers() {
    if (num_slept_frames_ != 0) {
        return;
    }
    QueueEntry *handler = std::exchange(cancel_handlers_, nullptr);
    while (handler != nullptr) {
        QueueEntry *next = handler->next;
        Append(handler);
        handler = next;
    }
}

void SerialQueue::Drop(QueueEntry *entries) {
    while (entries != nullptr) {
        QueueEntry *next = entries->next;
        if (entries->kind == QueueEntry::Kind::kWaiter) {
            auto *waiter = static_cast<Waiter *>(entries);
            waiter->was_dropped = true;
            waiter->parker.Signal();
        } else {
            auto *item = static_cast<WorkItem *>(entries);
            item->run(item, true);
        }
        entries = next;
    }
}

// --- Sleeping

SerialQueue::SleepResult SerialQueue::Sleep(const void *event, std::optional<Deadline> deadline) {
    QueueFrame *frame = FindFrame();
    if (frame == nullptr) {
        return SleepResult::kNotOnQueue;
    }
    auto sleeper = std::make_shared<Sleeper>();
    sleeper->event = event;
    {
        const std::lock_guard lock(mutex_);
        std::shared_ptr<Sleeper> *end = &first_sleeper_;
        while (*end != nullptr) {
            end = &(*end)->next;
        }
        *end = sleeper;
        if (!std::exchange(frame->has_slept, true)) {
            ++num_slept_frames_;
        }
    }
    std::optional<TimerId> timer;
    if (deadline) {
        timer = TimerService::Instance().Schedule(deadline->domain, deadline->nanoseconds,
                                                  [sleeper] { sleeper->SignalOnce(); });
    }
    ReleaseTurn(*frame);
    sleeper->parker.Wait();
    if (timer) {
        TimerService::Instance().Cancel(*timer);
    }
    AcquireTurn(true);
    frame->is_exclusive = true;

    const std::lock_guard lock(mutex_);
    std::shared_ptr<Sleeper> *at = &first_sleeper_;
    while (*at != nullptr && *at != sleeper) {
        at = &(*at)->next;
    }
    if (*at != nullptr) {
        *at = std::exchange(sleeper->next, nullptr);
    }
    return sleeper->is_woken ? SleepResult::kWoken : SleepResult::kTimedOut;
}

size_t SerialQueue::Wake(const void *event, bool all) {
    size_t num_woken = 0;
    const std::lock_guard lock(mutex_);
    std::shared_ptr<Sleeper> *at = &first_sleeper_;
    while (*at != nullptr && (all || num_woken == 0)) {
        if ((*at)->event != event) {
            at = &(*at)->next;
            continue;
        }
        std::shared_ptr<Sleeper> woken = *at;
        *at = std::exchange(woken->next, nullptr);
        woken->is_woken = true;
        woken->SignalOnce();
        ++num_woken;
    }
    return num_woken;
}

}  // namespace opendext::dispatch
