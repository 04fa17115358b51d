// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/OSArray.h>
#include <DriverKit/OSOrderedSet.h>

#include <new>

#include "runtime/object/member_list.h"

struct OSOrderedSet_IVars {
    opendext::object::MemberList members;
    OSOrderFunction order = nullptr;
    void *context = nullptr;
};

using opendext::object::AsObject;
using opendext::object::MakeContainer;

bool OSOrderedSet::init() {
    if (!super::init()) {
        return false;
    }
    ivars = new (std::nothrow) OSOrderedSet_IVars;
    return ivars != nullptr;
}

void OSOrderedSet::free() {
    delete ivars;
    ivars = nullptr;
    super::free();
}

OSOrderedSet *OSOrderedSet::withCapacity(uint32_t capacity, OSOrderFunction orderFunc,
                                         void *orderingContext) {
    auto *set = MakeContainer<OSOrderedSet>();
    if (set != nullptr) {
        set->ivars->members.Reserve(capacity);
        set->ivars->order = orderFunc;
        set->ivars->context = orderingContext;
    }
    return set;
}

OSOrderedSet *OSOrderedSet::withArray(const OSArray *array, uint32_t capacity) {
    auto *set = array != nullptr ? withCapacity(capacity) : nullptr;
    for (uint32_t i = 0; set != nullptr && i < array->getCount(); ++i) {
        set->setObject(array->getObject(i));
    }
    return set;
}

uint32_t OSOrderedSet::getCount() const {
    return ivars->members.Count();
}

uint32_t OSOrderedSet::getCapacity() const {
    return ivars->members.Capacity();
}

uint32_t OSOrderedSet::ensureCapacity(uint32_t newCapacity) {
    ivars->members.Reserve(newCapacity);
    return getCapacity();
}

void OSOrderedSet::flushCollection() {
    ivars->members.Clear();
}

bool OSOrderedSet::iterateObjects(OSCollectionIterator block) const {
    if (block == nullptr) {
        return false;
    }
    ivars->members.ForEach([block](OSObject *member) { return block(member); });
    return true;
}

bool OSOrderedSet::setObject(const OSMetaClassBase *object) {
    if (object == nullptr || containsObject(object)) {
        return false;
    }
    uint32_t index = 0;
    while (index < getCount() && (ivars->order == nullptr ||
                                  ivars->order(getObject(index), object, ivars->context) >= 0)) {
        ++index;
    }
    ivars->members.Insert(index, AsObject(object));
    return true;
}

bool OSOrderedSet::setFirstObject(const OSMetaClassBase *object) {
    if (object == nullptr || containsObject(object)) {
        return false;
    }
    ivars->members.Insert(0, AsObject(object));
    return true;
}

bool OSOrderedSet::setLastObject(const OSMetaClassBase *object) {
    if (object == nullptr || containsObject(object)) {
        return false;
    }
    ivars->members.Append(AsObject(object));
    return true;
}

void OSOrderedSet::removeObject(const OSMetaClassBase *object) {
    if (const auto index = ivars->members.IndexOf(object)) {
        ivars->members.Remove(*index);
    }
}

bool OSOrderedSet::containsObject(const OSMetaClassBase *object) const {
    return ivars->members.IndexOf(object).has_value();
}

OSObject *OSOrderedSet::getFirstObject() const {
    return ivars->members.At(0);
}

OSObject *OSOrderedSet::getLastObject() const {
    return getCount() != 0 ? getObject(getCount() - 1) : nullptr;
}

OSObject *OSOrderedSet::getObject(uint32_t index) const {
    return ivars->members.At(index);
}

int32_t OSOrderedSet::orderObject(const OSMetaClassBase *object) const {
    return ivars->order != nullptr ? ivars->order(object, nullptr, ivars->context) : 0;
}

bool OSOrderedSet::isEqualTo(const OSMetaClassBase *object) const {
    const auto *set = OSDynamicCast(OSOrderedSet, object);
    if (set == nullptr || set->getCount() != getCount()) {
        return false;
    }
    for (uint32_t i = 0; i < getCount(); ++i) {
        if (getObject(i) != set->getObject(i)) {
            return false;
        }
    }
    return true;
}
