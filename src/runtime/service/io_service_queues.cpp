// SPDX-License-Identifier: Apache-2.0
// IOService's queues by name (semantics.md 3.10).
#include <DriverKit/IODispatchQueue.h>

#include "runtime/dispatch/queue_table.h"
#include "runtime/service/service_state.h"

using opendext::dispatch::QueueTable;

kern_return_t IOService::CreateDefaultDispatchQueue_Impl(IODispatchQueue **queue) {
    return queue != nullptr ? IODispatchQueue::Create(getMetaClass()->getClassName(), 0, 0, queue)
                            : kIOReturnBadArgument;
}

kern_return_t IOService::SetDispatchQueue_Impl(const char *name, IODispatchQueue *queue) {
    return QueueTable::Set(this, name, queue);
}

kern_return_t IOService::CopyDispatchQueue_Impl(const char *name, IODispatchQueue **queue) {
    if (queue == nullptr || name == nullptr) {
        return kIOReturnBadArgument;
    }
    *queue = nullptr;
    if (opendext::service::IsStopped(this)) {
        return kIOReturnError;
    }
    const kern_return_t status = QueueTable::Copy(this, name, queue);
    IOService *provider = GetProvider();
    if (status == kIOReturnNotFound && provider != nullptr && !QueueTable::IsDeclared(this, name)) {
        return provider->CopyDispatchQueue(name, queue);
    }
    return status;
}
