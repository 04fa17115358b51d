// SPDX-License-Identifier: Apache-2.0
/// @file entry_objects.h
/// The family's objects of this process by registry entry: an entry is one object, however a driver comes to it.
#pragma once

#include <expected>
#include <memory>

#include <DriverKit/IOService.h>

#include "backends/api/usb_backend.h"
#include "base/registry_port.h"
#include "runtime/memory/retained.h"

namespace opendext::usb {

/// Makes `object` known, unless it has no entry, or its entry has an object. It must call ForgetObject in its free.
void RememberObject(IOService *object);
void ForgetObject(IOService *object);

/// The object of a neighbour of `service` in the registry: the one that is there, or a new one with a session of its own
/// beside `sibling`, which is a session with the same device.
/// @return kIOReturnUnsupported (not a class of this family), kIOReturnNoMemory, kIOReturnNoDevice,
/// kIOReturnNoResources.
[[nodiscard]] std::expected<memory::Retained<IOService>, kern_return_t> ObjectOfNeighbour(
    const IOService *service, const RelatedEntry &neighbour, backends::UsbBackend &sibling);

}  // namespace opendext::usb
