// SPDX-License-Identifier: Apache-2.0
/// @file source_handler.h
/// Handlers of sources that send to the queue of the action's target, not to their own: data queues and
/// notifications.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <mutex>

#include <DriverKit/IODispatchSource.h>
#include <DriverKit/OSAction.h>

#include "runtime/dispatch/source_gate.h"
#include "runtime/memory/retained.h"

namespace opendext::service {

/// One handler. Any thread; no lock is held while it is sent.
class SourceHandler {
public:
    /// @param type_method what the action must be invoked as, e.g. IODataQueueDispatchSource_DataAvailable_ID.
    explicit SourceHandler(uint64_t type_method) : type_method_(type_method) {}
    SourceHandler(const SourceHandler &) = delete;
    SourceHandler &operator=(const SourceHandler &) = delete;

    /// Retains `action`, which may be NULL, until it is replaced or the handler is closed.
    /// @return kIOReturnBadArgument for an action of another type; kIOReturnNotReady when closed.
    kern_return_t Set(OSAction *action);

    [[nodiscard]] memory::Retained<OSAction> Copy();

    /// Calls `send(action)` when there is one. @return whether there was.
    bool Send(const std::function<void(OSAction *action)> &send);

    /// Takes the handler off for good. `then` runs when all that was sent has run: on the target's queue, or on
    /// this thread.
    void Close(const std::function<void()> &then);

private:
    void EndSend();

    const uint64_t type_method_;
    std::mutex mutex_;
    // All guarded by mutex_.
    memory::Retained<OSAction> action_;
    memory::Retained<OSAction> closed_action_;  // until the last Send has ended
    std::function<void()> when_sent_;
    uint32_t num_sending_ = 0;
    bool is_closed_ = false;
};

/// IODispatchSource::Cancel for a source with such handlers, which are members of it: closes them one after another,
/// then cancels the gate. The source is retained meanwhile. @return kIOReturnSuccess.
kern_return_t CancelSource(IODispatchSource *source,
                           const std::shared_ptr<dispatch::SourceGate> &gate,
                           std::initializer_list<SourceHandler *> handlers,
                           IODispatchSourceCancelHandler handler);

}  // namespace opendext::service
