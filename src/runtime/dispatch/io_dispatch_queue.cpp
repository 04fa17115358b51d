// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/IODispatchQueue.h>
#include <DriverKit/IOTimerDispatchSource.h>

#include <Block.h>

#include <cstring>
#include <new>
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include "runtime/diagnostics/diagnostic.h"
#include "runtime/dispatch/run_sync.h"
#include "runtime/dispatch/timer_clock.h"
#include "runtime/object/member_list.h"

using opendext::ClockDomain;
using opendext::dispatch::InnerQueue;
using opendext::dispatch::QueueEntry;
using opendext::dispatch::QueueFrame;
using opendext::dispatch::RunSync;
using opendext::dispatch::SerialQueue;
using opendext::dispatch::WorkItem;

struct IODispatchQueue_IVars {
    SerialQueue *queue = nullptr;
    bool methods_not_synchronized = false;
};

namespace opendext::dispatch {

SerialQueue *InnerQueue(IODispatchQueue *queue) {
    return queue->ivars->queue;
}

#pragma clang section text = "opendext_call_driver"
bool RunSync(IODispatchQueue *queue, void (*function)(void *context), void *context) {
    return queue->ivars->queue->RunSync(function, context);
}

bool RunSyncOnKept(IODispatchQueue *queue, void (*function)(void *context), void *context) {
    return queue->ivars->queue->RunSyncKept(function, context);
}

bool MethodsAreNotSynchronized(IODispatchQueue *queue) {
    return queue->ivars->methods_not_synchronized;
}
#pragma clang section text = ""

}  // namespace opendext::dispatch

namespace {

constexpr uint64_t kKnownOptions =
    kIODispatchQueueReentrant | kIODispatchQueueMethodsNotSynchronized;

struct BlockItem : WorkItem {
    IODispatchQueue *owner;
    IODispatchBlock block;
};

void RunBlockItem(WorkItem *base, bool was_dropped) {
    auto *item = static_cast<BlockItem *>(base);
    if (!was_dropped) {
        item->block();
    }
    Block_release(item->block);
    item->owner->release();
    delete item;
}

BlockItem *MakeBlockItem(IODispatchQueue *owner, IODispatchBlock block) {
    auto *item = new BlockItem;
    item->run = &RunBlockItem;
    item->owner = owner;
    item->block = Block_copy(block);
    owner->retain();
    return item;
}

struct FunctionItem : WorkItem {
    IODispatchQueue *owner;
    IODispatchFunction function;
    void *context;
};

void RunFunctionItem(WorkItem *base, bool was_dropped) {
    auto *item = static_cast<FunctionItem *>(base);
    if (!was_dropped) {
        item->function(item->context);
    }
    item->owner->release();
    delete item;
}

FunctionItem *MakeFunctionItem(IODispatchQueue *owner, IODispatchFunction function, void *context) {
    auto *item = new FunctionItem;
    item->run = &RunFunctionItem;
    item->owner = owner;
    item->function = function;
    item->context = context;
    owner->retain();
    return item;
}

void TellOfWrongQueue(IODispatchQueue *queue, std::string_view method) {
    const opendext::diagnostics::Occurrence occurrence{
        .id = opendext::diagnostics::DiagnosticId::kWrongQueue,
        .class_name = "IODispatchQueue",
        .object = queue,
        .method = method,
        .place = opendext::diagnostics::CallSite::OfDriver()};
    if (opendext::diagnostics::IsFirst(occurrence)) {
        opendext::diagnostics::Report(
            occurrence,
            fmt::format("it is called on a thread that does not run on the queue \"{}\"",
                        queue->GetName()),
            "call it from a block or a method that runs on that queue");
    }
}

void SubmitConcurrent(IODispatchQueue *queue, WorkItem *item) {
    if (InnerQueue(queue)->is_reentrant()) {
        item->kind = QueueEntry::Kind::kConcurrent;
    }
    InnerQueue(queue)->Submit(item);
}

}  // namespace

namespace opendext::dispatch {

bool IsDriverWork(const QueueEntry &entry) {
    if (entry.kind == QueueEntry::Kind::kWaiter) {
        return false;
    }
    const auto run = static_cast<const WorkItem &>(entry).run;
    return run == &RunBlockItem || run == &RunFunctionItem;
}

}  // namespace opendext::dispatch

bool IODispatchQueue::init() {
    if (!super::init()) {
        return false;
    }
    ivars = new (std::nothrow) IODispatchQueue_IVars;
    return ivars != nullptr;
}

void IODispatchQueue::free() {
    if (ivars != nullptr && ivars->queue != nullptr) {
        ivars->queue->Release();
    }
    delete ivars;
    ivars = nullptr;
    super::free();
}

kern_return_t IODispatchQueue::Create_Impl(const char *name, uint64_t options, uint64_t,
                                           IODispatchQueue **queue) {
    if (queue == nullptr) {
        return kIOReturnBadArgument;
    }
    *queue = nullptr;
    if (name == nullptr ||
        strnlen(name, sizeof(IODispatchQueueName)) == sizeof(IODispatchQueueName) ||
        (options & ~kKnownOptions) != 0) {
        return kIOReturnBadArgument;
    }
    auto *made = opendext::object::MakeContainer<IODispatchQueue>();
    if (made == nullptr) {
        return kIOReturnNoMemory;
    }
    made->ivars->queue = SerialQueue::Create(name, (options & kIODispatchQueueReentrant) != 0);
    made->ivars->methods_not_synchronized = (options & kIODispatchQueueMethodsNotSynchronized) != 0;
    *queue = made;
    return kIOReturnSuccess;
}

bool IODispatchQueue::OnQueue() {
    return ivars->queue->OnQueue();
}

const char *IODispatchQueue::GetName() {
    return ivars->queue->name().c_str();
}

kern_return_t IODispatchQueue::Cancel(IODispatchQueueCancelHandler handler) {
    BlockItem *item = handler != nullptr ? MakeBlockItem(this, handler) : nullptr;
    return ivars->queue->Cancel(item) ? kIOReturnSuccess : kIOReturnAborted;
}

void IODispatchQueue::DispatchAsync(IODispatchBlock block) {
    ivars->queue->Submit(MakeBlockItem(this, block));
}

void IODispatchQueue::DispatchAsync_f(void *context, IODispatchFunction function) {
    ivars->queue->Submit(MakeFunctionItem(this, function, context));
}

void IODispatchQueue::DispatchConcurrent(IODispatchBlock block) {
    SubmitConcurrent(this, MakeBlockItem(this, block));
}

void IODispatchQueue::DispatchConcurrent_f(void *context, IODispatchFunction function) {
    SubmitConcurrent(this, MakeFunctionItem(this, function, context));
}

void IODispatchQueue::DispatchSync(IODispatchBlock block) {
    RunSync(this, [block] { block(); });
}

void IODispatchQueue::DispatchSync_f(void *context, IODispatchFunction function) {
    RunSync(this, function, context);
}

void IODispatchQueue::Log(const char *message, IODispatchLogFunction output) {
    const QueueFrame *frame = SerialQueue::CurrentFrame();
    if (frame == nullptr) {
        output("%s: on no queue\n", message);
    }
    for (; frame != nullptr; frame = frame->outer) {
        output("%s: on queue \"%s\"\n", message, frame->queue->name().c_str());
    }
}

kern_return_t IODispatchQueue::RunAction(IODispatchAction action) {
    kern_return_t result = kIOReturnAborted;
    RunSync(this, [&] { result = action(); });
    return result;
}

kern_return_t IODispatchQueue::SleepWithDeadline(void *event, uint64_t options, uint64_t deadline) {
    if (!ivars->queue->is_reentrant()) {
        return kIOReturnUnsupported;
    }
    std::optional<SerialQueue::Deadline> limit;
    if (const uint64_t clock = options & ~uint64_t{kIODispatchQueueSleepReuseEvent}; clock != 0) {
        const std::optional<ClockDomain> domain = opendext::dispatch::ClockOfTimerOption(clock);
        if (!domain) {
            return kIOReturnBadArgument;
        }
        limit = {.domain = *domain, .nanoseconds = deadline};
    }
    switch (ivars->queue->Sleep(event, limit)) {
        case SerialQueue::SleepResult::kWoken:
            return kIOReturnSuccess;
        case SerialQueue::SleepResult::kTimedOut:
            return kIOReturnTimeout;
        case SerialQueue::SleepResult::kNotOnQueue:
            break;
    }
    TellOfWrongQueue(this, "Sleep");
    return kIOReturnUnsupported;
}

kern_return_t IODispatchQueue::SleepWithTimeout(void *event, uint64_t timeout) {
    if (timeout == 0) {
        return SleepWithDeadline(event, 0, 0);
    }
    uint64_t deadline = 0;
    if (__builtin_add_overflow(opendext::NowNanoseconds(ClockDomain::kUptime), timeout,
                               &deadline)) {
        return SleepWithDeadline(event, 0, 0);
    }
    return SleepWithDeadline(event, kIOTimerClockUptimeRaw, deadline);
}

kern_return_t IODispatchQueue::Sleep(void *event, uint64_t timeout) {
    return SleepWithTimeout(event, timeout);
}

kern_return_t IODispatchQueue::Wakeup(void *event) {
    return WakeupWithOptions(event, 0);
}

kern_return_t IODispatchQueue::WakeupWithOptions(void *event, uint64_t options) {
    if (!OnQueue()) {
        TellOfWrongQueue(this, "Wakeup");
        return kIOReturnUnsupported;
    }
    return ivars->queue->Wake(event, (options & kIODispatchQueueWakeupAll) != 0) != 0
               ? kIOReturnSuccess
               : kIOReturnNotFound;
}
