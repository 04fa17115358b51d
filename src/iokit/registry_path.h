// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include <mach/kern_return.h>

#include "channel/wire/service_directory.h"

namespace opendext::iokit {

/// "PLANE:/NAME/NAME@LOCATION": the names from the root's child down to `entry`; "PLANE:/" for the root.
[[nodiscard]] std::expected<std::string, kern_return_t> PathOf(channel::ServiceDirectory &directory,
                                                               channel::EntryId entry,
                                                               std::string_view plane);

/// The entry that a path of that form names; a location that is left out fits any.
[[nodiscard]] std::optional<channel::EntryId> FindByPath(channel::ServiceDirectory &directory,
                                                         std::string_view path);

}  // namespace opendext::iokit
