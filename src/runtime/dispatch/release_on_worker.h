// SPDX-License-Identifier: Apache-2.0
/// @file release_on_worker.h
/// References of threads that must not run a driver's code.
#pragma once

#include <memory>

#include <DriverKit/OSObject.h>

#include "runtime/dispatch/run_sync.h"
#include "runtime/object/object_internals.h"

namespace opendext::dispatch {

/// Gives up a reference. The last one is a worker's to give up: the end of an object may run a driver's code, which
/// may wait for the very thread that this is.
struct ReleaseOnWorker {
    void operator()(const OSObject *object) const {
        if (!object::ObjectInternals::DropUnlessLast(object)) {
            RunOnWorker([object] { object->release(); });
        }
    }
};

/// Owns one reference on an object, or none.
template <typename T>
using WorkerReleased = std::unique_ptr<T, ReleaseOnWorker>;

/// A further reference on `object`, which may be NULL.
template <typename T>
[[nodiscard]] WorkerReleased<T> RetainForWorker(T *object) {
    if (object != nullptr) {
        object->retain();
    }
    return WorkerReleased<T>(object);
}

}  // namespace opendext::dispatch
