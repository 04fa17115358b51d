// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>

#include "registry/mismatch.h"
#include "registry/registry_tree.h"

namespace opendext::registry {

/// Whether the entry is a USB device or interface: its family looks at the keys of semantics.md 3.4.
[[nodiscard]] bool IsUsbEntry(const RegistryEntry &entry);

/// An entry in a message: its name in quotes, or for an interface its number, and whose it is; interfaces have no names.
[[nodiscard]] std::string UsbEntryText(const RegistryEntry &entry);

/// The first USB key of `keys` that does not hold for the USB entry `entry`, or nothing. Each key by itself, whatever
/// the others are: as entitlements are read. Values are numbers, or "*" for any.
[[nodiscard]] std::optional<Mismatch> FindUsbKeyMismatch(const RegistryEntry &entry,
                                                         const PropertyValue::Dictionary &keys);

/// What a personality that has these keys scores on the USB entry `entry` (semantics.md 3.4): all keys hold, and
/// together they are one of the family's sets. Keys of a class may stand beside a set that names a product; they must
/// hold then. "*" costs 1000 of the score, idProductMask 500.
[[nodiscard]] std::expected<int64_t, Mismatch> MatchUsbKeys(const RegistryEntry &entry,
                                                            const PropertyValue::Dictionary &keys);

/// Whether one of `keys` is a USB key.
[[nodiscard]] bool HasUsbKeys(const RegistryEntry &entry, const PropertyValue::Dictionary &keys);

}  // namespace opendext::registry
