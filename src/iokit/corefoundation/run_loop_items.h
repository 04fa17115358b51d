// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "iokit/corefoundation/run_loop_state.h"

// Moves sources and timers into and out of the modes of a run loop.
namespace opendext::cf {

// A source that left a mode: its `cancel` is to be called, and the mode's reference dropped.
struct DroppedSource {
    CFRunLoopSourceRef source;
    std::string mode;
};

// Puts what kCFRunLoopCommonModes has into a new common mode. The mutex is held. Returns the sources that are
// new there, with a reference each, for TellScheduled.
[[nodiscard]] std::vector<CFRunLoopSourceRef> CopyCommonItemsTo(__CFRunLoop &loop,
                                                                const std::string &mode);

// Empties the common items, and one mode. The mutex is not held.
void DropCommonItems(__CFRunLoop &loop);
void DropModeItems(__CFRunLoop &loop, const std::string &mode);

// Calls the source's `schedule` or `cancel`. The mutex is not held.
void TellScheduled(CFRunLoopSourceRef source, CFRunLoopRef loop, const std::string &mode);
void TellCancelled(CFRunLoopSourceRef source, CFRunLoopRef loop, const std::string &mode);

}  // namespace opendext::cf
