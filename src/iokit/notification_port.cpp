// SPDX-License-Identifier: Apache-2.0
#include "iokit/notification_port.h"

#include <atomic>
#include <utility>

namespace opendext::iokit {

namespace {

// Apart from the names of objects, so that a mix-up is found.
std::atomic<mach_port_t> next_port_name = 0x80000103;

}  // namespace

NotificationPort::NotificationPort(mach_port_t name) : name_(name) {}

std::shared_ptr<NotificationPort> NotificationPort::Create() {
    return std::shared_ptr<NotificationPort>(new NotificationPort(next_port_name.fetch_add(0x100)));
}

NotificationPort::~NotificationPort() {
    Destroy();
}

CFRunLoopSourceRef NotificationPort::run_loop_source() {
    const std::lock_guard lock(mutex_);
    if (source_ == nullptr && !destroyed_) {
        source_ = std::make_unique<cf::RunLoopSource>([weak = weak_from_this()] {
            if (const auto port = weak.lock()) {
                port->RunCallbacks();
            }
        });
        if (!callbacks_.empty()) {
            source_->Signal();
        }
    }
    return source_ == nullptr ? nullptr : source_->Get();
}

void NotificationPort::SetDispatchQueue(dispatch_queue_t queue) {
    dispatch_queue_t old = nullptr;
    {
        const std::lock_guard lock(mutex_);
        if (queue != nullptr) {
            dispatch_retain(queue);
        }
        old = std::exchange(queue_, queue);
    }
    if (old != nullptr) {
        dispatch_release(old);
    }
    Wake();
}

void NotificationPort::Post(std::function<void()> callback) {
    {
        const std::lock_guard lock(mutex_);
        if (destroyed_) {
            return;
        }
        callbacks_.push_back(std::move(callback));
    }
    Wake();
}

void NotificationPort::Wake() {
    const std::lock_guard lock(mutex_);
    if (callbacks_.empty()) {
        return;
    }
    if (queue_ != nullptr) {
        auto *hold = new std::shared_ptr<NotificationPort>(shared_from_this());
        dispatch_async_f(queue_, hold, [](void *context) {
            const std::unique_ptr<std::shared_ptr<NotificationPort>> port(
                static_cast<std::shared_ptr<NotificationPort> *>(context));
            (*port)->RunCallbacks();
        });
    } else if (source_ != nullptr) {
        source_->Signal();
    }
}

void NotificationPort::RunCallbacks() {
    for (;;) {
        std::function<void()> callback;
        {
            const std::lock_guard lock(mutex_);
            if (destroyed_ || callbacks_.empty()) {
                return;
            }
            callback = std::move(callbacks_.front());
            callbacks_.pop_front();
        }
        callback();
    }
}

void NotificationPort::Destroy() {
    std::unique_ptr<cf::RunLoopSource> source;
    dispatch_queue_t queue = nullptr;
    std::deque<std::function<void()>> dropped;
    {
        const std::lock_guard lock(mutex_);
        destroyed_ = true;
        source = std::move(source_);
        queue = std::exchange(queue_, nullptr);
        dropped.swap(callbacks_);
    }
    if (queue != nullptr) {
        dispatch_release(queue);
    }
}

}  // namespace opendext::iokit
