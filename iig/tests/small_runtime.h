// SPDX-License-Identifier: Apache-2.0
// What tests see of small_runtime.cpp. One thread.
#pragma once

#include <DriverKit/OSMetaClass.h>

namespace small_runtime {

// Runs the one-way calls that were accepted since the last time, in order.
void DeliverOneWayCalls();

// Objects allocated and not freed.
int LiveObjects();

// The description of a registered class, or NULL.
const OSClassDescription *FindClass(const char *name);

}  // namespace small_runtime
