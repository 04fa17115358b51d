// SPDX-License-Identifier: Apache-2.0
#include "iokit/object_table.h"

#include <utility>

#include "iokit/registry_object.h"

namespace opendext::iokit {

namespace {

constexpr mach_port_t kNameStep = 0x100;  // names look like ports: nobody takes them for indexes

}  // namespace

mach_port_t ObjectTable::Insert(std::shared_ptr<NamedObject> object) {
    const std::lock_guard lock(mutex_);
    const mach_port_t name = next_name_;
    next_name_ += kNameStep;
    slots_.emplace(name, Slot{std::move(object)});
    return name;
}

mach_port_t ObjectTable::InsertEntry(channel::EntryId entry) {
    {
        const std::lock_guard lock(mutex_);
        const auto found = entry_names_.find(std::to_underlying(entry));
        if (found != entry_names_.end()) {
            ++slots_.at(found->second).references;
            return found->second;
        }
    }
    const mach_port_t name = Insert(std::make_shared<RegistryObject>(entry));
    const std::lock_guard lock(mutex_);
    const auto [found, inserted] = entry_names_.emplace(std::to_underlying(entry), name);
    if (!inserted) {  // another thread was quicker
        slots_.erase(name);
        ++slots_.at(found->second).references;
    }
    return found->second;
}

bool ObjectTable::Retain(mach_port_t name) {
    const std::lock_guard lock(mutex_);
    const auto found = slots_.find(name);
    if (found == slots_.end()) {
        return false;
    }
    ++found->second.references;
    return true;
}

bool ObjectTable::Release(mach_port_t name) {
    std::shared_ptr<NamedObject> last;  // destroyed after the lock is given back
    const std::lock_guard lock(mutex_);
    const auto found = slots_.find(name);
    if (found == slots_.end()) {
        return false;
    }
    if (--found->second.references == 0) {
        last = TakeLocked(found);
    }
    return true;
}

std::shared_ptr<NamedObject> ObjectTable::Remove(mach_port_t name) {
    const std::lock_guard lock(mutex_);
    const auto found = slots_.find(name);
    return found == slots_.end() ? nullptr : TakeLocked(found);
}

std::shared_ptr<NamedObject> ObjectTable::TakeLocked(Slots::iterator slot) {
    std::shared_ptr<NamedObject> object = std::move(slot->second.object);
    slots_.erase(slot);
    entry_names_.erase(std::to_underlying(object->entry()));
    object->has_name_.store(false, std::memory_order_release);
    return object;
}

uint32_t ObjectTable::References(mach_port_t name) const {
    const std::lock_guard lock(mutex_);
    const auto found = slots_.find(name);
    return found == slots_.end() ? 0 : found->second.references;
}

std::shared_ptr<NamedObject> ObjectTable::FindAny(mach_port_t name) const {
    const std::lock_guard lock(mutex_);
    const auto found = slots_.find(name);
    return found == slots_.end() ? nullptr : found->second.object;
}

}  // namespace opendext::iokit
