// SPDX-License-Identifier: Apache-2.0
#include "iokit/corefoundation/main_queue.h"

#include <unistd.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>

namespace opendext::cf {
namespace {

struct Work {
    void *context;
    dispatch_function_t function;
};

// Lives for ever: threads may enqueue while the process ends.
struct MainQueue {
    std::mutex mutex;
    std::condition_variable arrived;
    std::deque<Work> pending;  // Guarded by mutex.
    bool serving = false;      // Only touched by the main thread.
};

MainQueue &Queue() {
    static auto *const queue = new MainQueue;
    return *queue;
}

}  // namespace

bool IsMainThread() {
    thread_local const bool is_main = gettid() == getpid();
    return is_main;
}

void EnqueueMainWork(void *context, dispatch_function_t work) {
    MainQueue &queue = Queue();
    {
        const std::scoped_lock lock(queue.mutex);
        queue.pending.push_back({context, work});
        queue.arrived.notify_one();
    }
    WakeMainRunLoop();
}

bool ServeMainQueue() {
    MainQueue &queue = Queue();
    if (queue.serving) {
        return false;
    }
    std::deque<Work> taken;
    {
        const std::scoped_lock lock(queue.mutex);
        taken.swap(queue.pending);
    }
    queue.serving = true;
    for (const Work &work : taken) {
        work.function(work.context);
    }
    queue.serving = false;
    return !taken.empty();
}

bool IsInMainWork() {
    return IsMainThread() && Queue().serving;
}

void ServeMainQueueForever() {
    MainQueue &queue = Queue();
    for (;;) {
        {
            std::unique_lock lock(queue.mutex);
            queue.arrived.wait(lock, [&queue] { return !queue.pending.empty(); });
        }
        ServeMainQueue();
    }
}

}  // namespace opendext::cf
