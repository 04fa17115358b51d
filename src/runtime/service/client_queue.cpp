// SPDX-License-Identifier: Apache-2.0
#include "runtime/service/client_queue.h"

#include <DriverKit/IOUserClient.h>

#include "base/call_path.h"
#include "runtime/dispatch/queue_table.h"
#include "runtime/dispatch/run_sync.h"

namespace opendext::service {

namespace {

const CallPathSections g_call_path;

// The entry of the class's method table that counts for this: spares its look-up in each call.
constexpr OSMethodDescription kExternalMethod = {IOUserClient__ExternalMethod_ID, "_ExternalMethod",
                                                 kIOUserClientQueueNameExternalMethod, 0};

}  // namespace

bool IsOnExternalMethodQueue(const IOUserClient *client) {
    IODispatchQueue *queue = dispatch::QueueTable::ForMethod(client, kExternalMethod);
    return queue == nullptr || dispatch::MethodsAreNotSynchronized(queue) ||
           dispatch::InnerQueue(queue)->OnQueue();
}

#pragma clang section text = "opendext_call_driver"

void RunExternalMethod(IOUserClient *client, void (*function)(void *context), void *context) {
    IODispatchQueue *queue = dispatch::QueueTable::ForMethod(client, kExternalMethod);
    if (queue == nullptr || dispatch::MethodsAreNotSynchronized(queue)) {
        function(context);
    } else {
        dispatch::RunSyncOnKept(queue, function, context);
    }
}

#pragma clang section text = ""

}  // namespace opendext::service
