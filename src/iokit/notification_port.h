// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>

#include <CoreFoundation/CFRunLoop.h>
#include <dispatch/dispatch.h>
#include <mach/port.h>

#include "iokit/corefoundation/run_loop_source.h"

namespace opendext::iokit {

/// The queue of callbacks behind an IONotificationPortRef. Any thread posts; a run loop, or a dispatch queue,
/// runs them in order. Held by shared_ptr; ends with Destroy.
class NotificationPort : public std::enable_shared_from_this<NotificationPort> {
public:
    static std::shared_ptr<NotificationPort> Create();
    ~NotificationPort();

    [[nodiscard]] mach_port_t name() const { return name_; }

    /// +0, valid while the port is.
    CFRunLoopSourceRef run_loop_source();

    /// NULL: not on a queue.
    void SetDispatchQueue(dispatch_queue_t queue);

    /// Queues a callback; dropped after Destroy.
    void Post(std::function<void()> callback);

    /// No callback starts afterwards.
    void Destroy();

private:
    explicit NotificationPort(mach_port_t name);

    void Wake();
    void RunCallbacks();

    const mach_port_t name_;
    std::mutex mutex_;
    std::deque<std::function<void()>> callbacks_;  // guarded by mutex_, as all below
    std::unique_ptr<cf::RunLoopSource> source_;
    dispatch_queue_t queue_ = nullptr;
    bool destroyed_ = false;
};

}  // namespace opendext::iokit

/// The C handle.
struct IONotificationPort {
    std::shared_ptr<opendext::iokit::NotificationPort> port;
};
