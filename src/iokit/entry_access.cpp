// SPDX-License-Identifier: Apache-2.0
#include "iokit/entry_access.h"

#include <utility>

#include <IOKit/IOReturn.h>

#include "iokit/registry_object.h"
#include "iokit/session.h"

namespace opendext::iokit {

std::expected<EntryAccess, kern_return_t> FindEntry(io_object_t object) {
    const auto found = Session::Current().objects().FindAny(object);
    if (!found || found->entry() == channel::EntryId::kNone) {
        return std::unexpected(kIOReturnBadArgument);
    }
    auto directory = Session::Current().directory();
    if (!directory) {
        return std::unexpected(kIOReturnNotReady);
    }
    return EntryAccess{.directory = std::move(directory), .entry = found->entry()};
}

std::expected<channel::EntryDescription, kern_return_t> DescribeEntry(io_object_t object) {
    const auto access = FindEntry(object);
    if (!access) {
        return std::unexpected(access.error());
    }
    return access->directory->Describe(access->entry);
}

io_iterator_t MakeIterator(std::vector<channel::EntryId> entries) {
    return Session::Current().objects().Insert(std::make_shared<EntryIterator>(std::move(entries)));
}

}  // namespace opendext::iokit
