// SPDX-License-Identifier: Apache-2.0
/// @file object_header.h
/// What lies in front of each object: where it came from, for diagnostics. Private to this room.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include <DriverKit/OSObject.h>

#include "runtime/diagnostics/call_site.h"

namespace opendext::object {

/// A call of retain out of a driver's code. Threads that retain at once may lose a count: it is only told.
struct RetainPlace {
    std::atomic<uintptr_t> address = 0;  ///< The return address; 0: unused.
    std::atomic<uint32_t> count = 0;
};

/// Zeroed by the allocation, which is all that an object without a driver's doing costs.
struct alignas(alignof(std::max_align_t)) ObjectHeader {
    static constexpr size_t kMostRetainPlaces = 3;

    enum class State : uint8_t {
        kUnlisted,  ///< Not made or retained by a driver.
        kListed,    ///< Among the live objects (live_objects.h).
        kFreed,     ///< Kept after its free (freed_objects.h).
    };

    ObjectHeader *next = nullptr;      // in its list; guarded by the list's lock
    ObjectHeader *previous = nullptr;  // likewise
    std::array<RetainPlace, kMostRetainPlaces> retains;
    diagnostics::CallSite made_at;  ///< Of a freed object: where it was freed.
    uint64_t sequence = 0;          ///< Grows with each object that is listed.
    /// Of a listed object NULL; of a freed one the name of its class.
    const char *freed_class = nullptr;
    const void *freed_virtuals = nullptr;  ///< The virtual functions it had.
    int thread = 0;                        ///< That made it.
    uint8_t list = 0;
    std::atomic<State> state = State::kUnlisted;

    static ObjectHeader *Of(const OSObject *object) {
        return reinterpret_cast<ObjectHeader *>(reinterpret_cast<uintptr_t>(object)) - 1;
    }
    [[nodiscard]] OSObject *object() { return reinterpret_cast<OSObject *>(this + 1); }
};

}  // namespace opendext::object
