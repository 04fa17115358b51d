// SPDX-License-Identifier: Apache-2.0
/// @file source_gate.h
/// What every IODispatchSource needs: its queue, its handler, and whether it is enabled or cancelled. A source
/// holds its gate by shared_ptr; events that are on their way hold it too, so that they outlive the source.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <DriverKit/IODispatchQueue.h>
#include <DriverKit/IODispatchSource.h>
#include <DriverKit/OSAction.h>

#include "runtime/diagnostics/call_site.h"

namespace opendext::dispatch {

/// Any thread. No lock is held while handlers or callbacks run.
class SourceGate : public std::enable_shared_from_this<SourceGate> {
public:
    /// Retains `queue`; does not retain `source`, which calls Detach before it is gone.
    SourceGate(OSObject *source, IODispatchQueue *queue, bool is_enabled);
    ~SourceGate();
    SourceGate(const SourceGate &) = delete;
    SourceGate &operator=(const SourceGate &) = delete;

    /// The source is being freed: nothing is delivered any more, the handler is released. A source that could still
    /// deliver to somebody is reported: it was to be cancelled before.
    void Detach();

    /// The source delivers to `target`; SetHandler says so itself. Only compared, never used.
    void NoteTarget(const OSObject *target);

    /// Cancel has been called, and will follow.
    void NoteCancelBegun();

    /// A source that has not been cancelled, and delivers to a given object.
    struct Uncancelled {
        std::string class_name;
        const void *source = nullptr;  ///< Only to be printed.
        diagnostics::CallSite made_at;
    };
    [[nodiscard]] static std::vector<Uncancelled> FindUncancelled(const OSObject *target);

    /// Makes `action` (may be NULL) the handler; retained until it is replaced, or until Cancel or Detach.
    /// @param type_method what the action must be invoked as, e.g. IOTimerDispatchSource_TimerOccurred_ID.
    /// @return kIOReturnSuccess; kIOReturnBadArgument for an action of another type; kIOReturnNotReady when
    ///         cancelled.
    kern_return_t SetHandler(OSAction *action, uint64_t type_method);

    /// The handler when the source may deliver now: enabled, not cancelled, attached. +1, or NULL.
    [[nodiscard]] OSAction *CopyHandlerIfDelivering();

    /// Whether CopyHandlerIfDelivering would give one.
    [[nodiscard]] bool CanDeliver();

    /// IODispatchSource::SetEnableWithCompletion: `changed(enable)` (may be empty) is called on this thread after a
    /// change of state, then `handler` is queued.
    kern_return_t SetEnable(bool enable, IODispatchSourceCancelHandler handler,
                            const std::function<void(bool)> &changed = {});

    /// IODispatchSource::Cancel: `cancelled()` (may be empty) is called on this thread by the first call, then
    /// `handler` is queued behind the events that are queued already, which will find the source cancelled.
    kern_return_t Cancel(IODispatchSourceCancelHandler handler,
                         const std::function<void()> &cancelled = {});

    [[nodiscard]] bool IsEnabled();
    [[nodiscard]] bool IsCancelled();

    /// The source's queue, +0; valid as long as the gate.
    [[nodiscard]] IODispatchQueue *queue() const { return queue_; }

    /// Runs `deliver(source)` on the queue, unless the source is cancelled or freed by then. The source is retained
    /// meanwhile. Call CopyHandlerIfDelivering in it.
    void Post(std::function<void(OSObject *source)> deliver);

private:
    OSObject *RetainSource();
    void QueueHandler(IODispatchSourceCancelHandler handler);

    IODispatchQueue *const queue_;
    const diagnostics::CallSite made_at_;
    std::mutex mutex_;
    // All guarded by mutex_.
    OSObject *source_;
    OSAction *handler_ = nullptr;
    bool is_enabled_;
    bool is_cancelled_ = false;
    bool is_cancel_begun_ = false;
    const OSObject *target_ = nullptr;
};

}  // namespace opendext::dispatch
