// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <dispatch/dispatch.h>

// The work of the main dispatch queue, which the main thread serves from its run loop or from dispatch_main.
namespace opendext::cf {

// Whether the calling thread is the process's first.
[[nodiscard]] bool IsMainThread();

// Adds work and wakes the main thread. Any thread.
void EnqueueMainWork(void *context, dispatch_function_t work);

// Runs the work that is queued now, in order. Only on the main thread. False if there was none, or if it is
// called from such work.
bool ServeMainQueue();

// Whether work of the main queue is running on the calling thread.
[[nodiscard]] bool IsInMainWork();

// Waits for work and serves it, for ever. Only on the main thread.
[[noreturn]] void ServeMainQueueForever();

// Wakes the main thread's run loop; implemented by the run loop.
void WakeMainRunLoop();

}  // namespace opendext::cf
