// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <memory>
#include <vector>

#include <IOKit/IOTypes.h>

#include "channel/wire/service_directory.h"

namespace opendext::iokit {

/// The entry behind a name, and where to ask about it.
struct EntryAccess {
    std::shared_ptr<channel::ServiceDirectory> directory;
    channel::EntryId entry = channel::EntryId::kNone;
};

/// kIOReturnBadArgument: the name stands for no entry. kIOReturnNotReady: there is no registry.
[[nodiscard]] std::expected<EntryAccess, kern_return_t> FindEntry(io_object_t object);

/// As FindEntry, or the registry's own error.
[[nodiscard]] std::expected<channel::EntryDescription, kern_return_t> DescribeEntry(
    io_object_t object);

/// A new iterator over `entries`, +1.
[[nodiscard]] io_iterator_t MakeIterator(std::vector<channel::EntryId> entries);

}  // namespace opendext::iokit
