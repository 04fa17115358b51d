// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/OSArray.h>
#include <DriverKit/OSSet.h>

#include <new>

#include "runtime/object/member_list.h"

struct OSSet_IVars {
    opendext::object::MemberList members;
};

using opendext::object::AsObject;
using opendext::object::MakeContainer;

bool OSSet::init() {
    if (!super::init()) {
        return false;
    }
    ivars = new (std::nothrow) OSSet_IVars;
    return ivars != nullptr;
}

void OSSet::free() {
    delete ivars;
    ivars = nullptr;
    super::free();
}

OSSet *OSSet::withCapacity(uint32_t capacity) {
    auto *set = MakeContainer<OSSet>();
    if (set != nullptr) {
        set->ivars->members.Reserve(capacity);
    }
    return set;
}

OSSet *OSSet::withArray(const OSArray *array, uint32_t capacity) {
    auto *set = array != nullptr ? withCapacity(capacity) : nullptr;
    for (uint32_t i = 0; set != nullptr && i < array->getCount(); ++i) {
        set->setObject(array->getObject(i));
    }
    return set;
}

OSSet *OSSet::withObjects(const OSObject **values, uint32_t count, uint32_t capacity) {
    auto *set = values != nullptr && count != 0 ? withCapacity(capacity) : nullptr;
    for (uint32_t i = 0; set != nullptr && i < count; ++i) {
        if (values[i] == nullptr) {
            OSSafeReleaseNULL(set);
        } else {
            set->setObject(values[i]);
        }
    }
    return set;
}

uint32_t OSSet::getCount() const {
    return ivars->members.Count();
}

uint32_t OSSet::getCapacity() const {
    return ivars->members.Capacity();
}

uint32_t OSSet::ensureCapacity(uint32_t newCapacity) {
    ivars->members.Reserve(newCapacity);
    return getCapacity();
}

void OSSet::flushCollection() {
    ivars->members.Clear();
}

bool OSSet::iterateObjects(OSCollectionIterator block) const {
    if (block == nullptr) {
        return false;
    }
    ivars->members.ForEach([block](OSObject *member) { return block(member); });
    return true;
}

bool OSSet::setObject(const OSMetaClassBase *object) {
    if (object == nullptr || containsObject(object)) {
        return false;
    }
    ivars->members.Append(AsObject(object));
    return true;
}

void OSSet::removeObject(const OSMetaClassBase *object) {
    if (const auto index = ivars->members.IndexOf(object)) {
        ivars->members.Remove(*index);
    }
}

bool OSSet::containsObject(const OSMetaClassBase *object) const {
    return ivars->members.IndexOf(object).has_value();
}

bool OSSet::member(const OSMetaClassBase *object) const {
    return containsObject(object);
}

bool OSSet::merge(const OSArray *array) {
    for (uint32_t i = 0; array != nullptr && i < array->getCount(); ++i) {
        setObject(array->getObject(i));
    }
    return array != nullptr;
}

OSObject *OSSet::getAnyObject() const {
    return ivars->members.At(0);
}

bool OSSet::isEqualTo(const OSMetaClassBase *object) const {
    const auto *set = OSDynamicCast(OSSet, object);
    if (set == nullptr || set->getCount() != getCount()) {
        return false;
    }
    bool is_equal = true;
    ivars->members.ForEach([&](OSObject *member) {
        is_equal = set->containsObject(member);
        return !is_equal;
    });
    return is_equal;
}
