// SPDX-License-Identifier: Apache-2.0
#include "runtime/dispatch/invoke.h"

#include <cstdlib>
#include <cstring>
#include <new>

#include "base/log.h"
#include "runtime/dispatch/action_call.h"
#include "runtime/dispatch/queue_table.h"
#include "runtime/dispatch/run_sync.h"

namespace opendext::dispatch {
namespace {

/// A one-way call on its way; the copy of its frame follows it in memory.
struct alignas(std::max_align_t) CallItem : WorkItem {
    OSMetaClassBase *target;
    IODispatchQueue *owner;  // NULL on a worker without a queue
    uint64_t method_id;
    CallEnd end;

    IORPCFrame *Frame() { return reinterpret_cast<IORPCFrame *>(this + 1); }
};

void RunCallItem(WorkItem *base, bool was_dropped) {
    auto *item = static_cast<CallItem *>(base);
    IORPCFrame *frame = item->Frame();
    if (!was_dropped && item->target->Dispatch(IORPC{
                            .frame = frame, .methodID = item->method_id}) == kIOReturnIPCError) {
        LogWarning(
            "{}: a call of {}::{} is dropped: the method that is to serve it has other arguments",
            item->target->getMetaClass()->getClassName(), frame->method->className,
            frame->method->name);
    }
    if (frame->method->releaseArguments != nullptr) {
        frame->method->releaseArguments(frame);
    }
    if (item->end.function != nullptr) {
        item->end.function(item->end.context);
    }
    item->target->release();
    if (item->owner != nullptr) {
        item->owner->release();
    }
    item->~CallItem();
    std::free(item);
}

CallItem *MakeCallItem(OSMetaClassBase *target, const IORPC &rpc, IODispatchQueue *queue,
                       CallEnd end) {
    const IORPCMethod &method = *rpc.frame->method;
    void *storage = std::malloc(sizeof(CallItem) + method.frameSize);
    if (storage == nullptr) {
        return nullptr;
    }
    auto *item = new (storage) CallItem;
    item->run = &RunCallItem;
    item->target = target;
    item->owner = queue;
    item->method_id = rpc.methodID;
    item->end = end;
    std::memcpy(static_cast<void *>(item->Frame()), static_cast<const void *>(rpc.frame),
                method.frameSize);
    if (method.retainArguments != nullptr) {
        method.retainArguments(item->Frame());
    }
    target->retain();
    if (queue != nullptr) {
        queue->retain();
    }
    return item;
}

}  // namespace

kern_return_t InvokeOnQueue(OSMetaClassBase *target, const IORPC &rpc, IODispatchQueue *queue,
                            CallEnd end) {
    const bool is_one_way = (rpc.frame->method->flags & kIORPCMethodOneWay) != 0;
    const bool is_unsynchronized = queue == nullptr || MethodsAreNotSynchronized(queue);
    if (queue == nullptr || (is_unsynchronized && !is_one_way)) {
        const kern_return_t status = target->Dispatch(rpc);
        if (end.function != nullptr) {
            end.function(end.context);
        }
        return status;
    }
    if (is_one_way) {
        CallItem *item = MakeCallItem(target, rpc, queue, end);
        if (item == nullptr) {
            if (end.function != nullptr) {
                end.function(end.context);
            }
            return kIOReturnNoMemory;
        }
        if (is_unsynchronized) {
            RunOnWorker([item] { item->run(item, false); });
        } else {
            InnerQueue(queue)->Submit(item);
        }
        return kIOReturnSuccess;
    }
    kern_return_t status = kIOReturnAborted;
    RunSync(queue, [&] { status = target->Dispatch(rpc); });
    if (end.function != nullptr) {
        end.function(end.context);
    }
    return status;
}

}  // namespace opendext::dispatch

kern_return_t OSMetaClassBase::Invoke(const IORPC rpc) {
    const OSMethodDescription *method = getMetaClass()->findMethod(rpc.methodID);
    if (method == nullptr) {
        if (auto *action = OSDynamicCast(OSAction, this)) {
            return opendext::dispatch::SendToAction(action, rpc);
        }
        return Dispatch(rpc);
    }
    if ((method->flags & kOSMethodRunsOnCaller) != 0) {
        return Dispatch(rpc);
    }
    IODispatchQueue *queue =
        opendext::dispatch::QueueTable::ForMethod(static_cast<OSObject *>(this), *method);
    return opendext::dispatch::InvokeOnQueue(this, rpc, queue);
}
