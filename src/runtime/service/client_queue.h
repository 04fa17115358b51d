// SPDX-License-Identifier: Apache-2.0
/// @file client_queue.h
/// The queue on which a user client's ExternalMethod runs.
#pragma once

class IOUserClient;

namespace opendext::service {

/// Runs `function(context)` on the queue named kIOUserClientQueueNameExternalMethod or, when the driver set none,
/// on the client's default queue; returns when it has run. When the queue is idle it runs on this thread, without
/// a lock, an allocation or a system call. On a cancelled queue it does not run.
void RunExternalMethod(IOUserClient *client, void (*function)(void *context), void *context);

/// Whether this thread runs on that queue, or the client has none.
[[nodiscard]] bool IsOnExternalMethodQueue(const IOUserClient *client);

}  // namespace opendext::service
