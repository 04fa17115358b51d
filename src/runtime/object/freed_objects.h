// SPDX-License-Identifier: Apache-2.0
/// @file freed_objects.h
/// The storage of the objects that were freed last, kept so that who uses one of them afterwards is told what it was and
/// who freed it. A virtual call of such an object ends the process with that line; its members are addresses at which
/// nothing can be, so that an access through one of them (ivars, say) faults there. AddressSanitizer and ThreadSanitizer
/// find all of this themselves: with them nothing is kept.
#pragma once

#include <cstddef>
#include <cstdint>

#include <DriverKit/OSObject.h>

#include "runtime/diagnostics/call_site.h"

namespace opendext::object {

/// An object about to be destroyed.
struct EndingObject {
    const char *class_name = nullptr;
    const void *virtuals = nullptr;
    size_t num_bytes = 0;  ///< Of the instance.
    bool is_kept = false;
};

/// To be called before the destructor. An object is kept when a driver made it, retains it or frees it.
[[nodiscard]] EndingObject BeginEnd(OSObject *object);

/// After the destructor: frees the storage, or keeps it and frees what has been kept for longest.
void EndStorage(void *storage, const EndingObject &ending);

/// Frees all that is kept: before an image is unloaded, whose names it has.
void ForgetFreedObjects();

/// Reports the access by the code at `place` when `address` is one that a member of a freed object stands for. For the
/// handler of a fault. @return whether it is.
bool ReportFreedObjectFault(uintptr_t address, const diagnostics::CallSite &place);

}  // namespace opendext::object
