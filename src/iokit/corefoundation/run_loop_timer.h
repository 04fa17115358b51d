// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "iokit/corefoundation/run_loop_state.h"

namespace opendext::cf {

// Fires the timers of a mode that are due, on the loop's own thread, without the mutex.
void FireTimers(__CFRunLoop &loop, const std::string &mode);

}  // namespace opendext::cf
