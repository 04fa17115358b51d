// SPDX-License-Identifier: Apache-2.0
/// @file invoke.h
/// Sending one call to one object on one queue. Private to the dispatch room.
#pragma once

#include <DriverKit/IODispatchQueue.h>
#include <DriverKit/OSMetaClass.h>

namespace opendext::dispatch {

/// Told when a one-way call has ended, or was dropped.
struct CallEnd {
    void (*function)(void *context) = nullptr;
    void *context = nullptr;
};

/// Runs `rpc` of `target` on `queue`: waits for a call that returns a value; copies and queues a one-way call.
/// Without a queue it runs here.
/// @return the status of the dispatch; kIOReturnAborted when the queue is cancelled; kIOReturnNoMemory.
kern_return_t InvokeOnQueue(OSMetaClassBase *target, const IORPC &rpc, IODispatchQueue *queue,
                            CallEnd end = {});

}  // namespace opendext::dispatch
