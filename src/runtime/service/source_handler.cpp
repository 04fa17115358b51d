// SPDX-License-Identifier: Apache-2.0
#include "runtime/service/source_handler.h"

#include <Block.h>

#include <utility>
#include <vector>

#include "runtime/dispatch/action_call.h"

namespace opendext::service {

using memory::Retain;
using memory::Retained;

kern_return_t SourceHandler::Set(OSAction *action) {
    if (action != nullptr && dispatch::ActionType(action) != type_method_) {
        return kIOReturnBadArgument;
    }
    Retained<OSAction> replaced = Retain(action);
    const std::lock_guard lock(mutex_);
    if (is_closed_) {
        return kIOReturnNotReady;
    }
    action_.swap(replaced);
    return kIOReturnSuccess;
}

Retained<OSAction> SourceHandler::Copy() {
    const std::lock_guard lock(mutex_);
    return Retain(action_.get());
}

bool SourceHandler::Send(const std::function<void(OSAction *action)> &send) {
    Retained<OSAction> action;
    {
        const std::lock_guard lock(mutex_);
        if (action_ == nullptr) {
            return false;
        }
        action = Retain(action_.get());
        ++num_sending_;
    }
    send(action.get());
    EndSend();
    return true;
}

void SourceHandler::EndSend() {
    Retained<OSAction> closed;
    std::function<void()> then;
    {
        const std::lock_guard lock(mutex_);
        if (--num_sending_ != 0 || !when_sent_) {
            return;
        }
        closed.swap(closed_action_);
        then.swap(when_sent_);
    }
    dispatch::AfterInvocations(closed.get(), std::move(then));
}

void SourceHandler::Close(const std::function<void()> &then) {
    Retained<OSAction> closed;
    {
        const std::lock_guard lock(mutex_);
        is_closed_ = true;
        closed.swap(action_);
        if (closed != nullptr && num_sending_ != 0) {
            closed_action_.swap(closed);
            when_sent_ = then;
            return;
        }
    }
    if (closed != nullptr) {
        dispatch::AfterInvocations(closed.get(), then);
    } else {
        then();
    }
}

namespace {

// What is left of a Cancel. Holds the source, whose members the handlers are.
struct Cancellation {
    Retained<IODispatchSource> source;
    std::shared_ptr<dispatch::SourceGate> gate;
    std::vector<SourceHandler *> handlers;
    IODispatchSourceCancelHandler handler = nullptr;

    Cancellation() = default;
    Cancellation(const Cancellation &) = delete;
    Cancellation &operator=(const Cancellation &) = delete;
    ~Cancellation() {
        if (handler != nullptr) {
            Block_release(handler);
        }
    }
};

void CloseNext(const std::shared_ptr<Cancellation> &cancellation) {
    if (cancellation->handlers.empty()) {
        (void)cancellation->gate->Cancel(cancellation->handler);
        return;
    }
    SourceHandler *next = cancellation->handlers.back();
    cancellation->handlers.pop_back();
    next->Close([cancellation] { CloseNext(cancellation); });
}

}  // namespace

kern_return_t CancelSource(IODispatchSource *source,
                           const std::shared_ptr<dispatch::SourceGate> &gate,
                           std::initializer_list<SourceHandler *> handlers,
                           IODispatchSourceCancelHandler handler) {
    gate->NoteCancelBegun();
    const auto cancellation = std::make_shared<Cancellation>();
    cancellation->source = Retain(source);
    cancellation->gate = gate;
    cancellation->handlers = handlers;
    if (handler != nullptr) {
        cancellation->handler = Block_copy(handler);
    }
    CloseNext(cancellation);
    return kIOReturnSuccess;
}

}  // namespace opendext::service
