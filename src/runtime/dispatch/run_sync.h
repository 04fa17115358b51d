// SPDX-License-Identifier: Apache-2.0
/// @file run_sync.h
/// Running on an IODispatchQueue from the runtime's own code, without a block.
#pragma once

#include <memory>
#include <type_traits>

#include <DriverKit/IODispatchQueue.h>

#include "runtime/dispatch/serial_queue.h"

namespace opendext::dispatch {

/// The queue inside; valid as long as `queue`.
SerialQueue *InnerQueue(IODispatchQueue *queue);

/// As IODispatchQueue::DispatchSync_f. Uncontended it costs four atomic operations, no allocation and no system
/// call. The caller's reference on `queue` must hold until the work starts; the work may drop the last one.
/// @return false when the queue was cancelled, and `function` did not run.
bool RunSync(IODispatchQueue *queue, void (*function)(void *context), void *context);

/// As RunSync, for a queue that stays until the work has run, whatever the work does: two atomic operations less.
bool RunSyncOnKept(IODispatchQueue *queue, void (*function)(void *context), void *context);

/// As the first, for anything that can be called without arguments.
template <typename Callable>
bool RunSync(IODispatchQueue *queue, Callable &&callable) {
    using Plain = std::remove_reference_t<Callable>;
    return RunSync(
        queue, [](void *context) { (*static_cast<Plain *>(context))(); },
        const_cast<void *>(static_cast<const void *>(std::addressof(callable))));
}

/// When asynchronous work runs on a cancelled queue.
enum class IfCancelled {
    kDrop,  ///< Not at all: `callable` is destroyed.
    kRun,   ///< As on any queue; for handlers that must not be lost.
};

/// Runs `callable()` on the queue, asynchronously. One allocation; `queue` is retained until it has run.
template <typename Callable>
void RunAsync(IODispatchQueue *queue, Callable callable,
              IfCancelled if_cancelled = IfCancelled::kDrop) {
    struct Item : WorkItem {
        Item(IODispatchQueue *owner_queue, Callable work)
            : owner(owner_queue), callable(std::move(work)) {}
        IODispatchQueue *owner;
        Callable callable;
    };
    auto *item = new Item(queue, std::move(callable));
    item->always = if_cancelled == IfCancelled::kRun;
    item->run = [](WorkItem *base, bool was_dropped) {
        const std::unique_ptr<Item> self(static_cast<Item *>(base));
        if (!was_dropped) {
            self->callable();
        }
        self->owner->release();
    };
    queue->retain();
    InnerQueue(queue)->Submit(item);
}

/// Runs `callable()` on a worker, on no queue.
template <typename Callable>
void RunOnWorker(Callable callable) {
    struct Task : PoolTask {
        explicit Task(Callable work) : callable(std::move(work)) {}
        Callable callable;
    };
    auto *task = new Task(std::move(callable));
    task->run = [](PoolTask *base) {
        const std::unique_ptr<Task> self(static_cast<Task *>(base));
        self->callable();
    };
    WorkerPool::Instance().Submit(task);
}

/// True for queues made with kIODispatchQueueMethodsNotSynchronized.
bool MethodsAreNotSynchronized(IODispatchQueue *queue);

}  // namespace opendext::dispatch
