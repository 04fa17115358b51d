// SPDX-License-Identifier: Apache-2.0
/// @file live_objects.h
/// The objects that drivers have made or retained, with the places where they did: what a report of leaks is made of.
/// An object that no driver's code has to do with is not listed, and costs nothing but the look.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include <DriverKit/OSObject.h>

#include "runtime/diagnostics/call_site.h"

namespace opendext::object {

/// A place where a driver called retain, and about how often.
struct RetainedAt {
    diagnostics::CallSite place;
    uint32_t count = 0;
};

/// An object as it was when it was looked at.
struct LiveObject {
    const OSObject *object = nullptr;  ///< May be gone by now.
    const OSMetaClass *meta_class = nullptr;
    uint32_t references = 0;
    uint64_t sequence = 0;
    int thread = 0;                 ///< That made it, or listed it.
    diagnostics::CallSite made_at;  ///< Not known of an object that the system made.
    std::vector<RetainedAt> retained_at;
};

/// For alloc: lists the object when a driver's code is on this thread's stack, or `is_of_driver` says that its class is.
void NoteMade(OSObject *object, bool is_of_driver);

/// For retain: `return_address` is its caller's.
void NoteRetained(const OSObject *object, const void *return_address);

/// For free.
void NoteGone(OSObject *object);

/// The listed objects, in the order in which they were listed, for which `wanted` is true. It is called under a lock, and
/// must not touch the object but for its metaclass.
[[nodiscard]] std::vector<LiveObject> FindLiveObjects(
    const std::function<bool(const LiveObject &)> &wanted);

/// The listed objects of `meta_class` and derived classes, each with a reference (+1).
[[nodiscard]] std::vector<OSObject *> CopyLiveObjects(const OSMetaClass *meta_class);

/// Where a driver made the object, if it did.
[[nodiscard]] diagnostics::CallSite MadeAt(const OSObject *object);

/// Objects listed from now on have a higher sequence than this.
[[nodiscard]] uint64_t CurrentSequence();

/// This thread, as LiveObject::thread has it.
[[nodiscard]] int ThisThread();

}  // namespace opendext::object
