// SPDX-License-Identifier: Apache-2.0
#include "iokit/registry_object.h"

#include "iokit/session.h"

namespace opendext::iokit {

std::string RegistryObject::ClassName() const {
    const auto directory = Session::Current().directory();
    const auto description =
        directory ? directory->Describe(entry_)
                  : std::expected<channel::EntryDescription, int32_t>(std::unexpected(0));
    return description ? description->class_name : "IOService";
}

channel::EntryId EntryIterator::Next() {
    const std::lock_guard lock(mutex_);
    return next_ < entries_.size() ? entries_[next_++] : channel::EntryId::kNone;
}

void EntryIterator::Reset() {
    const std::lock_guard lock(mutex_);
    next_ = 0;
}

}  // namespace opendext::iokit
