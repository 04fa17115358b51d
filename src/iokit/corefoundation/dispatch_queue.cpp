// SPDX-License-Identifier: Apache-2.0
#include <Block.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <string>

#include "iokit/corefoundation/dispatch_object.h"
#include "iokit/corefoundation/main_queue.h"
#include "iokit/corefoundation/worker_pool.h"

struct dispatch_queue_attr_s {
    bool is_concurrent;
};
dispatch_queue_attr_s _dispatch_queue_attr_concurrent = {true};

namespace opendext::cf {
namespace {

[[noreturn]] void AbortDispatch(const char *function, const std::string &text) {
    fmt::print(stderr, "dispatch: {}: {}\n", function, text);
    std::abort();
}

struct Work {
    void *context;
    dispatch_function_t function;
};

// A queue of any kind.
class Queue : public DispatchObject {
public:
    explicit Queue(const char *label) : label_(label == nullptr ? "" : label) {}

    const char *label() const { return label_.c_str(); }
    virtual void Async(Work work) = 0;
    virtual void Sync(Work work) = 0;

private:
    const std::string label_;
};

// The global queues, and queues made concurrent.
class ConcurrentQueue : public Queue {
public:
    using Queue::Queue;

    void Async(Work work) override {
        auto *const item = new Item{work, this};
        Retain();
        SubmitToPool(item, [](void *context) {
            auto *const taken = static_cast<Item *>(context);
            taken->work.function(taken->work.context);
            taken->queue->Release();
            delete taken;
        });
    }
    void Sync(Work work) override { work.function(work.context); }

private:
    struct Item {
        Work work;
        ConcurrentQueue *queue;
    };
};

// A serial queue is idle, or one thread has its turn: a pool thread that drains it, or a thread in
// dispatch_sync. Whoever has the turn passes it on when done. Each turn keeps the queue.
class SerialQueue : public Queue {
public:
    using Queue::Queue;

    void Async(Work work) override {
        const std::scoped_lock lock(mutex_);
        pending_.push_back({work, nullptr});
        if (!has_turn_) {
            GiveTurnToPool();
        }
    }

    void Sync(Work work) override {
        if (IsCurrent()) {
            AbortDispatch(
                "dispatch_sync",
                fmt::format("queue \"{}\" is waiting for itself: this thread already runs "
                            "its work; call the work directly or use dispatch_async",
                            label()));
        }
        Retain();
        TakeTurn();
        Run(work);
        PassTurn();
        Release();
    }

private:
    // Wakes one thread in dispatch_sync; on its stack.
    struct SyncWaiter {
        std::condition_variable turn;
        bool has_turn = false;
    };
    struct Item {
        Work work;
        SyncWaiter *waiter;  // If not NULL, the turn goes to that thread and `work` is unused.
    };
    // The serial queues whose work is running on a thread, innermost first.
    struct Frame {
        const SerialQueue *queue;
        const Frame *outer;
    };

    bool IsCurrent() const {
        for (const Frame *frame = current_frame; frame != nullptr; frame = frame->outer) {
            if (frame->queue == this) {
                return true;
            }
        }
        return false;
    }

    void Run(Work work) {
        const Frame frame = {this, current_frame};
        current_frame = &frame;
        work.function(work.context);
        current_frame = frame.outer;
    }

    void TakeTurn() {
        std::unique_lock lock(mutex_);
        if (!has_turn_) {
            has_turn_ = true;
            return;
        }
        SyncWaiter waiter;
        pending_.push_back({{}, &waiter});
        waiter.turn.wait(lock, [&waiter] { return waiter.has_turn; });
    }

    // The thread that had the turn is done with one piece of work.
    void PassTurn() {
        const std::scoped_lock lock(mutex_);
        has_turn_ = false;
        if (pending_.empty()) {
            return;
        }
        if (!TurnGoesToWaiter()) {
            GiveTurnToPool();
        }
    }

    // Gives the turn to the waiter at the front, if there is one there. The mutex is held.
    bool TurnGoesToWaiter() {
        SyncWaiter *const waiter = pending_.front().waiter;
        if (waiter == nullptr) {
            return false;
        }
        pending_.pop_front();
        has_turn_ = true;
        waiter->has_turn = true;
        waiter->turn.notify_one();
        return true;
    }

    // The mutex is held.
    void GiveTurnToPool() {
        has_turn_ = true;
        Retain();
        SubmitToPool(this, [](void *context) {
            auto *const queue = static_cast<SerialQueue *>(context);
            queue->Drain();
            queue->Release();
        });
    }

    void Drain() {
        for (;;) {
            Work work = {};
            {
                const std::scoped_lock lock(mutex_);
                if (pending_.empty()) {
                    has_turn_ = false;
                    return;
                }
                if (TurnGoesToWaiter()) {
                    return;
                }
                work = pending_.front().work;
                pending_.pop_front();
            }
            Run(work);
        }
    }

    static thread_local constinit const Frame *current_frame;

    std::mutex mutex_;
    std::deque<Item> pending_;  // Guarded by mutex_.
    bool has_turn_ = false;     // Guarded by mutex_.
};

thread_local constinit const SerialQueue::Frame *SerialQueue::current_frame = nullptr;

class MainThreadQueue : public Queue {
public:
    using Queue::Queue;

    void Async(Work work) override { EnqueueMainWork(work.context, work.function); }

    void Sync(Work work) override {
        if (IsMainThread()) {
            AbortDispatch("dispatch_sync",
                          "the main queue is waiting for itself: this is the main thread; call the "
                          "work directly");
        }
        Done done = {work, {}, {}, false};
        EnqueueMainWork(&done, [](void *context) {
            auto *const waiting = static_cast<Done *>(context);
            waiting->work.function(waiting->work.context);
            const std::scoped_lock lock(waiting->mutex);
            waiting->is_done = true;
            waiting->changed.notify_one();
        });
        std::unique_lock lock(done.mutex);
        done.changed.wait(lock, [&done] { return done.is_done; });
    }

private:
    struct Done {
        Work work;
        std::mutex mutex;
        std::condition_variable changed;
        bool is_done;
    };
};

Queue *AsQueue(dispatch_queue_t queue) {
    return reinterpret_cast<Queue *>(queue);
}

Queue *Checked(const char *function, dispatch_queue_t queue) {
    if (queue == nullptr) {
        AbortDispatch(function, "the queue is NULL");
    }
    return AsQueue(queue);
}

void CallAndReleaseBlock(void *context) {
    reinterpret_cast<dispatch_block_t>(context)();
    _Block_release(context);
}

}  // namespace
}  // namespace opendext::cf

using opendext::cf::Checked;
using opendext::cf::Queue;

void dispatch_retain(dispatch_object_t object) {
    reinterpret_cast<opendext::cf::DispatchObject *>(object)->Retain();
}

void dispatch_release(dispatch_object_t object) {
    reinterpret_cast<opendext::cf::DispatchObject *>(object)->Release();
}

dispatch_queue_t dispatch_queue_create(const char *label, dispatch_queue_attr_t attr) {
    Queue *queue = nullptr;
    if (attr != nullptr && attr->is_concurrent) {
        queue = new opendext::cf::ConcurrentQueue(label);
    } else {
        queue = new opendext::cf::SerialQueue(label);
    }
    return reinterpret_cast<dispatch_queue_t>(queue);
}

const char *dispatch_queue_get_label(dispatch_queue_t queue) {
    return Checked(__func__, queue)->label();
}

dispatch_queue_main_t dispatch_get_main_queue(void) {
    // The process keeps its first reference for ever; so do the global queues.
    static Queue *const queue = new opendext::cf::MainThreadQueue("com.apple.main-thread");
    return reinterpret_cast<dispatch_queue_t>(queue);
}

dispatch_queue_global_t dispatch_get_global_queue(intptr_t identifier, uintptr_t flags) {
    constexpr std::array<intptr_t, 9> kKnown = {DISPATCH_QUEUE_PRIORITY_HIGH,
                                                DISPATCH_QUEUE_PRIORITY_DEFAULT,
                                                DISPATCH_QUEUE_PRIORITY_LOW,
                                                DISPATCH_QUEUE_PRIORITY_BACKGROUND,
                                                QOS_CLASS_USER_INTERACTIVE,
                                                QOS_CLASS_USER_INITIATED,
                                                QOS_CLASS_DEFAULT,
                                                QOS_CLASS_UTILITY,
                                                QOS_CLASS_BACKGROUND};
    static Queue *const queue = new opendext::cf::ConcurrentQueue("com.apple.root.default-qos");
    const bool is_known = std::ranges::find(kKnown, identifier) != kKnown.end();
    return is_known && flags == 0 ? reinterpret_cast<dispatch_queue_t>(queue) : nullptr;
}

void dispatch_async_f(dispatch_queue_t queue, void *context, dispatch_function_t work) {
    Checked(__func__, queue)->Async({context, work});
}

void dispatch_sync_f(dispatch_queue_t queue, void *context, dispatch_function_t work) {
    Checked(__func__, queue)->Sync({context, work});
}

void dispatch_async(dispatch_queue_t queue, dispatch_block_t block) {
    Checked(__func__, queue)->Async({Block_copy(block), opendext::cf::CallAndReleaseBlock});
}

void dispatch_sync(dispatch_queue_t queue, dispatch_block_t block) {
    // The caller waits, so its own block will do.
    Checked(__func__, queue)->Sync({reinterpret_cast<void *>(block), [](void *context) {
                                        reinterpret_cast<dispatch_block_t>(context)();
                                    }});
}

void dispatch_after(dispatch_time_t when, dispatch_queue_t queue, dispatch_block_t block) {
    dispatch_after_f(when, queue, Block_copy(block), opendext::cf::CallAndReleaseBlock);
}

void dispatch_main(void) {
    if (!opendext::cf::IsMainThread()) {
        opendext::cf::AbortDispatch(__func__, "called on a thread that is not the main thread");
    }
    opendext::cf::ServeMainQueueForever();
}
