// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace opendext::registry {

/// The configuration registers that PCI matching keys look at, as cached when the device was found.
struct PciIdentity {
    uint32_t device_vendor = 0;     ///< Register 0x00: device << 16 | vendor.
    uint32_t class_revision = 0;    ///< Register 0x08: class << 8 | revision.
    uint32_t subsystem_vendor = 0;  ///< Register 0x2c: subsystem device << 16 | subsystem vendor.
};

/// Whether `text`, the value of the matching key `key` (IOPCIMatch, IOPCIPrimaryMatch, IOPCISecondaryMatch or
/// IOPCIClassMatch), selects the device: space separated terms, each a hexadecimal number with an optional
/// `&mask`, any of which may hold (semantics.md 3.3).
/// @return the error names the term that is no number.
std::expected<bool, std::string> PciKeyMatches(std::string_view key, std::string_view text,
                                               const PciIdentity &identity);

/// Whether `key` is one of the four keys above.
bool IsPciMatchKey(std::string_view key);

}  // namespace opendext::registry
