// SPDX-License-Identifier: Apache-2.0
/// @file dispatch_probe.h
/// What a DispatchProbe records, and queues and actions for tests.
#pragma once

#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include <DriverKit/OSSharedPtr.h>

#include "DispatchProbe.h"
#include "runtime/dispatch/testing/event.h"

/// All calls of Note, Keep and Tick. Any thread.
struct DispatchProbe_IVars {
    std::mutex mutex;
    std::vector<uint64_t> notes;                // guarded by mutex
    std::vector<std::thread::id> note_threads;  // guarded by mutex
    opendext::dispatch::Event noted;
    /// Called first in every method, on its thread, when set before.
    std::function<void()> on_call;
    /// Called last in free(), when set before.
    std::function<void()> on_freed;

    void Note(uint64_t value) {
        if (on_call) {
            on_call();
        }
        {
            const std::lock_guard lock(mutex);
            notes.push_back(value);
            note_threads.push_back(std::this_thread::get_id());
        }
        noted.Set();
    }
    std::vector<uint64_t> Notes() {
        const std::lock_guard lock(mutex);
        return notes;
    }
};

namespace opendext::dispatch {

OSSharedPtr<DispatchProbe> MakeProbe();
OSSharedPtr<IODispatchQueue> MakeQueue(const char *name, uint64_t options = 0);
/// A probe whose "Default" queue is `queue`.
OSSharedPtr<DispatchProbe> MakeProbeOn(const OSSharedPtr<IODispatchQueue> &queue);
OSSharedPtr<OSAction> MakeTickAction(const OSSharedPtr<DispatchProbe> &probe,
                                     size_t reference_size = 0);

}  // namespace opendext::dispatch
