// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <vector>

#include <mach/kern_return.h>

#include "channel/wire/service_directory.h"

namespace opendext::iokit {

/// The children of `entry` or, with kIORegistryIterateParents, its parent; with kIORegistryIterateRecursively
/// all descendants, each before its own, or all ancestors. `entry` itself is not among them.
[[nodiscard]] std::expected<std::vector<channel::EntryId>, kern_return_t> Walk(
    channel::ServiceDirectory &directory, channel::EntryId entry, uint32_t options);

}  // namespace opendext::iokit
