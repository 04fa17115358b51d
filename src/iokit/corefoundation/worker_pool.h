// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <dispatch/dispatch.h>

namespace opendext::cf {

// Runs work on a thread of a pool that all queues share. Work starts in the order of the calls; a new thread is
// made when all are busy, up to 64, and ends after some seconds without work. Any thread.
void SubmitToPool(void *context, dispatch_function_t work);

}  // namespace opendext::cf
