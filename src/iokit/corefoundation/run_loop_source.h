// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CoreFoundation/CFRunLoop.h>

#include <functional>

namespace opendext::cf {

// A run loop source that other threads signal: the way for work of the IOKit library to reach the thread that
// the application chose. The application adds `Get()` to its run loops as it does with any source.
// Threads: everything may be called from any thread; the callback runs on the thread of a run loop that the
// source was added to, one call for all signals since the last, with no lock of ours held.
class RunLoopSource {
public:
    explicit RunLoopSource(std::function<void()> perform);
    // Takes the source out of every run loop. No call of the callback begins after this returns; one that is
    // running on another thread may still be running, with its captures intact.
    ~RunLoopSource();
    RunLoopSource(const RunLoopSource &) = delete;
    RunLoopSource &operator=(const RunLoopSource &) = delete;

    // The source for the application: borrowed (+0), valid while this object lives or it is retained.
    [[nodiscard]] CFRunLoopSourceRef Get() const { return source_; }

    // Marks the source for service and wakes every run loop that has it.
    void Signal();

private:
    CFRunLoopSourceRef source_;
};

}  // namespace opendext::cf
