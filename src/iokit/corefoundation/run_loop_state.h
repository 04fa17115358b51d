// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CoreFoundation/CFRunLoop.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "iokit/corefoundation/object.h"

// The state of run loops, sources and timers. One mutex guards all of it, so that a source may sit in several
// loops without a lock order; it is held for a few list operations at most, never during a callback, and never
// while a reference is dropped.
namespace opendext::cf {

using SteadyTime = std::chrono::steady_clock::time_point;

std::mutex &RunLoopMutex();

// A mode that a source or timer is in. The loop is borrowed: it takes the entry out before it goes.
struct Membership {
    __CFRunLoop *loop;
    std::string mode;
    bool operator==(const Membership &) const = default;
};

// What one mode of a loop has, each with a reference.
struct RunLoopModeState {
    std::vector<CFRunLoopSourceRef> sources;
    std::vector<CFRunLoopTimerRef> timers;
};

// One CFRunLoopRunInMode that is going on; lives on that call's stack.
struct ActiveRun {
    std::string mode;
    bool stopped = false;
    ActiveRun *outer = nullptr;
};

struct PendingBlock {
    std::set<std::string> modes;
    void (^block)(void);  // A copy, owned.
};

// The time `seconds` from now, kept within +-30 years so that it cannot overflow.
SteadyTime SteadyTimeAfter(CFTimeInterval seconds);

std::string ModeName(const char *function, CFRunLoopMode mode);
bool IsCommonModes(const std::string &mode);

}  // namespace opendext::cf

// All guarded by RunLoopMutex(), except where noted.
struct __CFRunLoop : opendext::cf::Object {
    explicit __CFRunLoop(std::uint32_t initial_references);

    // Wakes the thread if it waits. The mutex is held.
    void Wake();

    const bool is_main;  // Of the main thread: lives for ever.
    std::map<std::string, opendext::cf::RunLoopModeState> modes;
    std::set<std::string> common_modes;
    opendext::cf::RunLoopModeState common_items;  // What was added to kCFRunLoopCommonModes.
    std::deque<opendext::cf::PendingBlock> blocks;
    opendext::cf::ActiveRun *run = nullptr;  // The innermost.
    bool wake_requested = false;
    bool waiting = false;
    std::condition_variable wake;
};

struct __CFRunLoopSource : opendext::cf::Object {
    using Object::Object;

    CFIndex order = 0;                    // Immutable.
    CFRunLoopSourceContext context = {};  // Immutable; `info` counts while valid.
    bool valid = true;
    bool signaled = false;
    int calls =
        0;  // Of `perform`, going on: if the source is invalidated meanwhile, the last releases `info`.
    std::vector<opendext::cf::Membership> memberships;
};

struct __CFRunLoopTimer : opendext::cf::Object {
    using Object::Object;

    CFIndex order = 0;                         // Immutable.
    CFTimeInterval interval = 0;               // Immutable; 0 if it does not repeat.
    CFRunLoopTimerCallBack callout = nullptr;  // Immutable.
    CFRunLoopTimerContext context = {};        // Immutable; `info` counts while valid.
    bool valid = true;
    bool firing =
        false;  // If the timer is invalidated meanwhile, `info` is released after the callout.
    opendext::cf::SteadyTime fire_time;
    std::vector<opendext::cf::Membership> memberships;  // All of one loop.
};
