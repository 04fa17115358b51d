// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "backends/api/pci_backend.h"
#include "base/property_value.h"

namespace opendext::backends {

/// The properties that the registry entry of a PCI device has, read from its configuration space:
/// "vendor-id", "device-id", "revision-id", "class-code", "subsystem-vendor-id" and "subsystem-id" (the last
/// two only when the device has them) as 4 bytes of little-endian data, "IOName" ("pci1234,11e8"), "name",
/// "compatible" (names, most specific first, each ended by a zero byte) and "pcidebug" ("bus:device:function").
[[nodiscard]] PropertyValue::Dictionary PciIdentityProperties(PciBackend &backend);

}  // namespace opendext::backends
