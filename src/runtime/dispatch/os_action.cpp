// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/OSAction.h>

#include <Block.h>
#include <DriverKit/OSString.h>

#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <new>
#include <optional>
#include <utility>
#include <vector>

#include "base/log.h"
#include "runtime/dispatch/action_call.h"
#include "runtime/dispatch/invoke.h"
#include "runtime/dispatch/queue_table.h"
#include "runtime/dispatch/run_sync.h"
#include "runtime/dispatch/timer_clock.h"
#include "runtime/dispatch/timer_service.h"

using opendext::dispatch::CallEnd;
using opendext::dispatch::QueueTable;

/// One waiter; lives from WillWait to EndWait.
struct OSActionWaitToken {
    enum class State { kPending, kInvoked, kAborted };
    std::condition_variable changed;
    // Guarded by the action's mutex.
    State state = State::kPending;
    bool is_timed_out = false;
};

struct OSAction_IVars {
    // Invocations on their way or running, and the flag that no more may start.
    static constexpr uint64_t kClosed = uint64_t{1} << 63;
    std::atomic<uint64_t> gate{0};

    OSObject *target =
        nullptr;  // +1 until the cancel is done; stable while an invocation is counted
    uint64_t target_method = 0;
    uint64_t type_method = 0;
    void *reference = nullptr;

    std::mutex mutex;
    // Guarded by mutex.
    std::vector<OSActionCancelHandler> cancel_handlers;
    OSActionAbortedHandler aborted_handler = nullptr;
    OSActionWaitToken *waiter = nullptr;
    uint64_t wait_number = 0;  // of the latest Wait
    bool is_aborted = false;
    bool is_cancelled = false;
    bool is_cancel_done = false;

    ~OSAction_IVars() {
        for (OSActionCancelHandler handler : cancel_handlers) {
            Block_release(handler);
        }
        if (aborted_handler != nullptr) {
            Block_release(aborted_handler);
        }
        OSSafeReleaseNULL(target);
        std::free(reference);
    }

    // The deadline of the Wait of that number has passed; it may be over.
    void TimeOutWait(uint64_t number) {
        const std::lock_guard lock(mutex);
        if (waiter != nullptr && wait_number == number) {
            waiter->is_timed_out = true;
            waiter->changed.notify_all();
        }
    }

    void TellWaiter(OSActionWaitToken::State state) {
        if (waiter != nullptr && waiter->state == OSActionWaitToken::State::kPending) {
            waiter->state = state;
            waiter->changed.notify_all();
        }
    }
};

namespace {

// Where the target's method runs, +0; NULL on the caller's thread.
IODispatchQueue *QueueOfTarget(const OSObject *target, const OSMethodDescription *method) {
    if (method == nullptr || (method->flags & kOSMethodRunsOnCaller) != 0) {
        return nullptr;
    }
    return QueueTable::ForMethod(target, *method);
}

// Handlers must not be lost, so they run on a cancelled queue too.
void RunHandler(IODispatchQueue *queue, void (^handler)(void)) {
    const auto run = [handler] {
        handler();
        Block_release(handler);
    };
    if (queue != nullptr) {
        opendext::dispatch::RunAsync(queue, run, opendext::dispatch::IfCancelled::kRun);
    } else {
        opendext::dispatch::RunOnWorker(run);
    }
}

// The last invocation of a cancelled action has ended, or there was none.
void FinishCancel(OSAction *action) {
    OSAction_IVars *ivars = action->ivars;
    std::vector<OSActionCancelHandler> handlers;
    OSObject *released = nullptr;
    IODispatchQueue *queue = nullptr;
    {
        const std::lock_guard lock(ivars->mutex);
        ivars->is_cancel_done = true;
        handlers.swap(ivars->cancel_handlers);
        released = std::exchange(ivars->target, nullptr);
        ivars->TellWaiter(OSActionWaitToken::State::kAborted);
    }
    if (released != nullptr) {
        queue = QueueOfTarget(released, released->getMetaClass()->findMethod(ivars->target_method));
    }
    for (OSActionCancelHandler handler : handlers) {
        RunHandler(queue, handler);
    }
    OSSafeRelease(released);
}

bool BeginInvocation(OSAction_IVars *ivars) {
    uint64_t gate = ivars->gate.load(std::memory_order_relaxed);
    do {
        if ((gate & OSAction_IVars::kClosed) != 0) {
            return false;
        }
    } while (!ivars->gate.compare_exchange_weak(gate, gate + 1, std::memory_order_acquire,
                                                std::memory_order_relaxed));
    return true;
}

void EndInvocation(void *context) {
    auto *action = static_cast<OSAction *>(context);
    {
        const std::lock_guard lock(action->ivars->mutex);
        action->ivars->TellWaiter(OSActionWaitToken::State::kInvoked);
    }
    if (action->ivars->gate.fetch_sub(1, std::memory_order_acq_rel) ==
        (OSAction_IVars::kClosed | 1)) {
        FinishCancel(action);
    }
    action->release();
}

OSAction *AllocateAction(const OSObject *target, const OSString *type_name) {
    const OSMetaClass *meta_class = nullptr;
    if (type_name != nullptr) {
        meta_class = opendext::object::FindClassBeside(type_name->getCStringNoCopy(),
                                                       target->getMetaClass());
    }
    if (meta_class == nullptr || !meta_class->isDerivedFrom(OSTypeID(OSAction))) {
        meta_class = OSTypeID(OSAction);
    }
    return static_cast<OSAction *>(meta_class->alloc());
}

}  // namespace

namespace opendext::dispatch {

uint64_t ActionType(const OSAction *action) {
    return action->ivars->type_method;
}

static kern_return_t CallTarget(OSAction *action, const IORPC &rpc, bool is_on_source_queue) {
    OSAction_IVars *ivars = action->ivars;
    if (rpc.methodID != ivars->type_method) {
        LogWarning(
            "OSAction at {}: it was invoked as {}::{}, which is not the TYPE of its target's "
            "method; the call "
            "is dropped",
            fmt::ptr(action), rpc.frame->method->className, rpc.frame->method->name);
        return kIOReturnBadArgument;
    }
    if (!BeginInvocation(ivars)) {
        return kIOReturnAborted;
    }
    // Until EndInvocation.
    action->retain();
    OSObject *target = ivars->target;
    const OSMethodDescription *method = target->getMetaClass()->findMethod(ivars->target_method);
    IODispatchQueue *queue = QueueOfTarget(target, method);
    if (is_on_source_queue && queue != nullptr &&
        (method->queueName == nullptr || queue == QueueTable::Default(target))) {
        queue = nullptr;
    }
    const IORPC forwarded{.frame = rpc.frame, .methodID = ivars->target_method};
    return InvokeOnQueue(target, forwarded, queue,
                         CallEnd{.function = &EndInvocation, .context = action});
}

kern_return_t SendToAction(OSAction *action, const IORPC &rpc) {
    return CallTarget(action, rpc, false);
}

kern_return_t RunActionHere(OSMetaClassBase *action, const IORPC rpc) {
    return CallTarget(static_cast<OSAction *>(action), rpc, true);
}

OSObject *CopyTargetOf(OSAction *action) {
    const std::lock_guard lock(action->ivars->mutex);
    if (action->ivars->target != nullptr) {
        action->ivars->target->retain();
    }
    return action->ivars->target;
}

const OSObject *TargetOf(OSAction *action) {
    const std::lock_guard lock(action->ivars->mutex);
    return action->ivars->target;
}

bool IsCancelled(OSAction *action) {
    const std::lock_guard lock(action->ivars->mutex);
    return action->ivars->is_cancelled;
}

std::string TargetMethodName(OSAction *action) {
    const std::lock_guard lock(action->ivars->mutex);
    const OSObject *target = action->ivars->target;
    const OSMethodDescription *method =
        target != nullptr ? target->getMetaClass()->findMethod(action->ivars->target_method)
                          : nullptr;
    return method != nullptr ? method->name : "";
}

void AfterInvocations(OSAction *action, std::function<void()> then) {
    IODispatchQueue *queue = nullptr;
    {
        const std::lock_guard lock(action->ivars->mutex);
        if (const OSObject *target = action->ivars->target) {
            queue = QueueOfTarget(target,
                                  target->getMetaClass()->findMethod(action->ivars->target_method));
            if (queue != nullptr) {
                queue->retain();
            }
        }
    }
    if (queue == nullptr) {
        then();
        return;
    }
    RunAsync(queue, std::move(then), IfCancelled::kRun);
    queue->release();
}

}  // namespace opendext::dispatch

kern_return_t OSAction::Create_Impl(OSObject *target, uint64_t targetmsgid, uint64_t msgid,
                                    size_t referenceSize, OSAction **action) {
    return CreateWithTypeName(target, targetmsgid, msgid, referenceSize, nullptr, action);
}

kern_return_t OSAction::CreateWithTypeName_Impl(OSObject *target, uint64_t targetmsgid,
                                                uint64_t msgid, size_t referenceSize,
                                                OSString *typeName, OSAction **action) {
    if (action == nullptr) {
        return kIOReturnBadArgument;
    }
    *action = nullptr;
    if (target == nullptr) {
        return kIOReturnBadArgument;
    }
    OSAction *made = AllocateAction(target, typeName);
    if (made == nullptr || !made->init()) {
        OSSafeRelease(made);
        return kIOReturnNoMemory;
    }
    made->OSAction::ivars = new (std::nothrow) OSAction_IVars;
    OSAction_IVars *state = made->OSAction::ivars;
    if (state != nullptr && referenceSize != 0) {
        state->reference = std::calloc(1, referenceSize);
    }
    if (state == nullptr || (referenceSize != 0 && state->reference == nullptr)) {
        made->release();
        return kIOReturnNoMemory;
    }
    target->retain();
    state->target = target;
    state->target_method = targetmsgid;
    state->type_method = msgid;
    *action = made;
    return kIOReturnSuccess;
}

void OSAction::free() {
    delete ivars;
    ivars = nullptr;
    super::free();
}

void *OSAction::GetReference() {
    return ivars->reference;
}

kern_return_t OSAction::Cancel(OSActionCancelHandler handler) {
    bool is_first = false;
    bool is_done = false;
    {
        const std::lock_guard lock(ivars->mutex);
        is_first = !std::exchange(ivars->is_cancelled, true);
        is_done = ivars->is_cancel_done;
        if (handler != nullptr && !is_done) {
            ivars->cancel_handlers.push_back(Block_copy(handler));
        }
    }
    if (is_first && ivars->gate.fetch_or(OSAction_IVars::kClosed, std::memory_order_acq_rel) == 0) {
        FinishCancel(this);
    }
    if (is_done && handler != nullptr) {
        RunHandler(nullptr, Block_copy(handler));
    }
    return is_first ? kIOReturnSuccess : kIOReturnAborted;
}

kern_return_t OSAction::SetAbortedHandler(OSActionAbortedHandler handler) {
    OSActionAbortedHandler replaced = nullptr;
    if (handler != nullptr) {
        replaced = Block_copy(handler);
    }
    {
        const std::lock_guard lock(ivars->mutex);
        std::swap(replaced, ivars->aborted_handler);
    }
    if (replaced != nullptr) {
        Block_release(replaced);
    }
    return kIOReturnSuccess;
}

void OSAction::Aborted_Impl() {
    OSActionAbortedHandler handler = nullptr;
    IODispatchQueue *queue = nullptr;
    {
        const std::lock_guard lock(ivars->mutex);
        if (std::exchange(ivars->is_aborted, true)) {
            return;
        }
        handler = std::exchange(ivars->aborted_handler, nullptr);
        ivars->TellWaiter(OSActionWaitToken::State::kAborted);
        if (ivars->target != nullptr) {
            queue = QueueOfTarget(ivars->target,
                                  ivars->target->getMetaClass()->findMethod(ivars->target_method));
            if (queue != nullptr) {
                queue->retain();
            }
        }
    }
    if (handler != nullptr) {
        RunHandler(queue, handler);
    }
    OSSafeRelease(queue);
}

kern_return_t OSAction::WillWait(OSActionWaitToken **token) {
    if (token == nullptr) {
        return kIOReturnBadArgument;
    }
    *token = nullptr;
    auto *made = new (std::nothrow) OSActionWaitToken;
    if (made == nullptr) {
        return kIOReturnNoMemory;
    }
    const std::lock_guard lock(ivars->mutex);
    if (ivars->waiter != nullptr) {
        delete made;
        return kIOReturnBusy;
    }
    if (ivars->is_cancelled || ivars->is_aborted) {
        made->state = OSActionWaitToken::State::kAborted;
    }
    ivars->waiter = made;
    *token = made;
    return kIOReturnSuccess;
}

static kern_return_t WaitStatus(const OSActionWaitToken &token) {
    switch (token.state) {
        case OSActionWaitToken::State::kInvoked:
            return kIOReturnSuccess;
        case OSActionWaitToken::State::kAborted:
            return kIOReturnAborted;
        case OSActionWaitToken::State::kPending:
            break;
    }
    return kIOReturnTimeout;
}

kern_return_t OSAction::EndWait(OSActionWaitToken *token) {
    kern_return_t status = kIOReturnBadArgument;
    {
        const std::lock_guard lock(ivars->mutex);
        if (token == nullptr || token != ivars->waiter) {
            return status;
        }
        ivars->waiter = nullptr;
        status = WaitStatus(*token);
    }
    delete token;
    return status;
}

kern_return_t OSAction::Wait(OSActionWaitToken *token, uint64_t options, uint64_t deadline) {
    const std::optional<opendext::ClockDomain> domain =
        opendext::dispatch::ClockOfTimerOption(options);
    if (options != 0 && !domain) {
        return kIOReturnBadArgument;
    }
    std::unique_lock lock(ivars->mutex);
    if (token == nullptr || token != ivars->waiter) {
        return kIOReturnBadArgument;
    }
    token->is_timed_out = false;
    const uint64_t number = ++ivars->wait_number;
    auto &timers = opendext::dispatch::TimerService::Instance();
    std::optional<opendext::dispatch::TimerId> timer;
    if (domain) {
        retain();
        timer = timers.Schedule(*domain, deadline, [this, number] {
            ivars->TimeOutWait(number);
            release();
        });
    }
    token->changed.wait(lock, [token] {
        return token->state != OSActionWaitToken::State::kPending || token->is_timed_out;
    });
    const kern_return_t status = WaitStatus(*token);
    lock.unlock();
    if (timer && timers.Cancel(*timer)) {
        release();
    }
    return status;
}
