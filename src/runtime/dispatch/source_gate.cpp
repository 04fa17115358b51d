// SPDX-License-Identifier: Apache-2.0
#include "runtime/dispatch/source_gate.h"

#include <Block.h>

#include <set>
#include <utility>

#include <fmt/format.h>

#include "runtime/diagnostics/diagnostic.h"
#include "runtime/dispatch/action_call.h"
#include "runtime/dispatch/run_sync.h"
#include "runtime/object/object_internals.h"

namespace opendext::dispatch {

using diagnostics::CallSite;

namespace {

/// The gates that there are. Sources are few.
struct Gates {
    std::mutex mutex;
    std::set<SourceGate *> gates;  // guarded by mutex
};

Gates &AllGates() {
    static auto *gates = new Gates;  // for ever: drivers may outlive the destructors
    return *gates;
}

void ReportFreedUncancelled(const OSObject *source, const CallSite &made_at) {
    const diagnostics::Occurrence occurrence{.id = diagnostics::DiagnosticId::kNotCancelled,
                                             .class_name = source->getMetaClass()->getClassName(),
                                             .object = source,
                                             .method = {},
                                             .place = CallSite::OfDriver()};
    if (!diagnostics::IsFirst(occurrence)) {
        return;
    }
    diagnostics::Report(
        occurrence,
        fmt::format("its last reference is released while it has a handler and is not cancelled "
                    "(it was made in {})",
                    made_at.DescribeWithLines()),
        "call Cancel, and release the source in Cancel's handler");
}

}  // namespace

SourceGate::SourceGate(OSObject *source, IODispatchQueue *queue, bool is_enabled)
    : queue_(queue), made_at_(CallSite::OfDriver()), source_(source), is_enabled_(is_enabled) {
    queue_->retain();
    const std::lock_guard lock(AllGates().mutex);
    AllGates().gates.insert(this);
}

SourceGate::~SourceGate() {
    {
        const std::lock_guard lock(AllGates().mutex);
        AllGates().gates.erase(this);
    }
    OSSafeReleaseNULL(handler_);
    queue_->release();
}

void SourceGate::Detach() {
    OSAction *released = nullptr;
    const OSObject *uncancelled = nullptr;
    {
        const std::lock_guard lock(mutex_);
        uncancelled = target_ != nullptr && !is_cancel_begun_ ? source_ : nullptr;
        source_ = nullptr;
        released = std::exchange(handler_, nullptr);
    }
    // Without a place the system itself has let the source go.
    if (uncancelled != nullptr && made_at_.is_known()) {
        ReportFreedUncancelled(uncancelled, made_at_);
    }
    OSSafeRelease(released);
}

void SourceGate::NoteTarget(const OSObject *target) {
    const std::lock_guard lock(mutex_);
    target_ = target;
}

void SourceGate::NoteCancelBegun() {
    const std::lock_guard lock(mutex_);
    is_cancel_begun_ = true;
}

std::vector<SourceGate::Uncancelled> SourceGate::FindUncancelled(const OSObject *target) {
    std::vector<Uncancelled> found;
    const std::lock_guard lock_of_all(AllGates().mutex);
    for (SourceGate *gate : AllGates().gates) {
        const std::lock_guard lock(gate->mutex_);
        if (gate->source_ != nullptr && gate->target_ == target && !gate->is_cancel_begun_) {
            found.push_back({.class_name = gate->source_->getMetaClass()->getClassName(),
                             .source = gate->source_,
                             .made_at = gate->made_at_});
        }
    }
    return found;
}

kern_return_t SourceGate::SetHandler(OSAction *action, uint64_t type_method) {
    if (action != nullptr && ActionType(action) != type_method) {
        return kIOReturnBadArgument;
    }
    OSAction *replaced = nullptr;
    const OSObject *target = action != nullptr ? TargetOf(action) : nullptr;
    {
        const std::lock_guard lock(mutex_);
        if (is_cancelled_) {
            return kIOReturnNotReady;
        }
        if (action != nullptr) {
            action->retain();
        }
        target_ = target;
        replaced = std::exchange(handler_, action);
    }
    OSSafeRelease(replaced);
    return kIOReturnSuccess;
}

OSAction *SourceGate::CopyHandlerIfDelivering() {
    const std::lock_guard lock(mutex_);
    if (handler_ == nullptr || !is_enabled_ || is_cancelled_) {
        return nullptr;
    }
    handler_->retain();
    return handler_;
}

bool SourceGate::CanDeliver() {
    const std::lock_guard lock(mutex_);
    return handler_ != nullptr && is_enabled_ && !is_cancelled_;
}

kern_return_t SourceGate::SetEnable(bool enable, IODispatchSourceCancelHandler handler,
                                    const std::function<void(bool)> &changed) {
    {
        const std::lock_guard lock(mutex_);
        if (is_cancelled_) {
            return kIOReturnUnsupported;
        }
        if (std::exchange(is_enabled_, enable) == enable) {
            return kIOReturnSuccess;
        }
    }
    if (changed) {
        changed(enable);
    }
    QueueHandler(handler);
    return kIOReturnSuccess;
}

kern_return_t SourceGate::Cancel(IODispatchSourceCancelHandler handler,
                                 const std::function<void()> &cancelled) {
    OSAction *released = nullptr;
    bool is_first = false;
    {
        const std::lock_guard lock(mutex_);
        is_first = !std::exchange(is_cancelled_, true);
        is_cancel_begun_ = true;
        is_enabled_ = false;
        released = std::exchange(handler_, nullptr);
    }
    if (is_first && cancelled) {
        cancelled();
    }
    QueueHandler(handler);
    OSSafeRelease(released);
    return kIOReturnSuccess;
}

bool SourceGate::IsEnabled() {
    const std::lock_guard lock(mutex_);
    return is_enabled_;
}

bool SourceGate::IsCancelled() {
    const std::lock_guard lock(mutex_);
    return is_cancelled_;
}

void SourceGate::Post(std::function<void(OSObject *source)> deliver) {
    RunAsync(queue_, [self = shared_from_this(), deliver = std::move(deliver)] {
        if (OSObject *source = self->RetainSource()) {
            deliver(source);
            source->release();
        }
    });
}

OSObject *SourceGate::RetainSource() {
    const std::lock_guard lock(mutex_);
    if (source_ == nullptr || is_cancelled_ || !object::ObjectInternals::TryRetain(source_)) {
        return nullptr;
    }
    return source_;
}

void SourceGate::QueueHandler(IODispatchSourceCancelHandler handler) {
    if (handler == nullptr) {
        return;
    }
    RunAsync(
        queue_,
        [copy = Block_copy(handler)] {
            copy();
            Block_release(copy);
        },
        IfCancelled::kRun);
}

}  // namespace opendext::dispatch
