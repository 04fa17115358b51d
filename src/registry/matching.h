// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <optional>

#include "base/property_value.h"
#include "registry/mismatch.h"
#include "registry/registry_tree.h"

namespace opendext::registry {

/// Tests `entry` against a matching dictionary or a personality (semantics.md 3.2, 3.3). All keys that are
/// known must hold; unknown ones, and those of a family that the entry does not belong to, are left alone.
/// @return the first key that does not hold, or nothing: the entry is selected.
std::optional<Mismatch> FindMismatch(const RegistryTree &tree, const RegistryEntry &entry,
                                     const PropertyValue::Dictionary &matching);

/// Tests `entry` against a personality: as above, and its family must find what it looks for in it.
/// @return what the family adds to IOProbeScore: 0, but for USB.
std::expected<int64_t, Mismatch> MatchPersonality(const RegistryTree &tree,
                                                  const RegistryEntry &entry,
                                                  const PropertyValue::Dictionary &personality);

}  // namespace opendext::registry
