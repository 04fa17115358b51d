// SPDX-License-Identifier: Apache-2.0
/// @file pci_capabilities.h
/// Capability lists of configuration space.
#pragma once

#include <cstdint>

#include "backends/api/pci_backend.h"

namespace opendext::pci {

/// IOPCIDevice::FindPCICapability (semantics.md 6.6): `id` of a capability, or a negated extended id (a value
/// of 0x100 and up). `search_offset` 0 searches from the start, else after the capability at that offset.
/// A list that runs in a circle or out of its space ends there. @return the offset, or 0.
[[nodiscard]] uint32_t FindCapability(backends::PciBackend &backend, uint32_t id,
                                      uint64_t search_offset);

}  // namespace opendext::pci
