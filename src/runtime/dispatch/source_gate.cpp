// SPDX-License-Identifier: Apache-2.0
#include "runtime/dispatch/source_gate.h"

#include <Block.h>

#include <utility>

#include "runtime/dispatch/action_call.h"
#include "runtime/dispatch/run_sync.h"
#include "runtime/object/object_internals.h"

namespace opendext::dispatch {

SourceGate::SourceGate(OSObject *source, IODispatchQueue *queue, bool is_enabled)
    : queue_(queue), source_(source), is_enabled_(is_enabled) {
    queue_->retain();
}

SourceGate::~SourceGate() {
    OSSafeReleaseNULL(handler_);
    queue_->release();
}

void SourceGate::Detach() {
    OSAction *released = nullptr;
    {
        const std::lock_guard lock(mutex_);
        source_ = nullptr;
        released = std::exchange(handler_, nullptr);
    }
    OSSafeRelease(released);
}

kern_return_t SourceGate::SetHandler(OSAction *action, uint64_t type_method) {
    if (action != nullptr && ActionType(action) != type_method) {
        return kIOReturnBadArgument;
    }
    OSAction *replaced = nullptr;
    {
        const std::lock_guard lock(mutex_);
        if (is_cancelled_) {
            return kIOReturnNotReady;
        }
        if (action != nullptr) {
            action->retain();
        }
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
