// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/OSArray.h>
#include <DriverKit/OSNumber.h>
#include <DriverKit/OSString.h>

#include <new>

#include "runtime/object/member_list.h"

struct OSArray_IVars {
    opendext::object::MemberList members;
};

using opendext::object::AsObject;
using opendext::object::MakeContainer;

bool OSArray::init() {
    if (!super::init()) {
        return false;
    }
    ivars = new (std::nothrow) OSArray_IVars;
    return ivars != nullptr;
}

void OSArray::free() {
    delete ivars;
    ivars = nullptr;
    super::free();
}

OSArray *OSArray::withCapacity(uint32_t capacity) {
    auto *array = MakeContainer<OSArray>();
    if (array != nullptr) {
        array->ivars->members.Reserve(capacity);
    }
    return array;
}

OSArray *OSArray::withArray(const OSArray *array, uint32_t capacity) {
    if (array == nullptr) {
        return nullptr;
    }
    auto *copy = withCapacity(capacity);
    if (copy != nullptr) {
        copy->merge(array);
    }
    return copy;
}

OSArray *OSArray::withObjects(const OSObject *objects[], uint32_t count, uint32_t capacity) {
    auto *array = withCapacity(capacity);
    for (uint32_t i = 0; array != nullptr && i < count; ++i) {
        if (!array->setObject(objects[i])) {
            array->release();
            return nullptr;
        }
    }
    return array;
}

uint32_t OSArray::getCount() const {
    return ivars->members.Count();
}

uint32_t OSArray::getCapacity() const {
    return ivars->members.Capacity();
}

uint32_t OSArray::ensureCapacity(uint32_t newCapacity) {
    ivars->members.Reserve(newCapacity);
    return getCapacity();
}

void OSArray::flushCollection() {
    ivars->members.Clear();
}

bool OSArray::iterateObjects(OSCollectionIterator block) const {
    if (block == nullptr) {
        return false;
    }
    ivars->members.ForEach([block](OSObject *member) { return block(member); });
    return true;
}

bool OSArray::setObject(const OSMetaClassBase *object) {
    return setObject(getCount(), object);
}

bool OSArray::setObject(uint32_t index, const OSMetaClassBase *object) {
    if (object == nullptr || index > getCount()) {
        return false;
    }
    ivars->members.Insert(index, AsObject(object));
    return true;
}

bool OSArray::merge(const OSArray *array) {
    if (array == nullptr) {
        return false;
    }
    const uint32_t count = array->getCount();
    for (uint32_t i = 0; i < count; ++i) {
        ivars->members.Append(array->getObject(i));
    }
    return true;
}

void OSArray::replaceObject(uint32_t index, const OSMetaClassBase *object) {
    if (object != nullptr && index < getCount()) {
        ivars->members.Replace(index, AsObject(object));
    }
}

void OSArray::removeObject(uint32_t index) {
    if (index < getCount()) {
        ivars->members.Remove(index);
    }
}

OSObject *OSArray::getObject(uint32_t index) const {
    return ivars->members.At(index);
}

OSObject *OSArray::getLastObject() const {
    return getCount() != 0 ? getObject(getCount() - 1) : nullptr;
}

uint32_t OSArray::getNextIndexOfObject(const OSMetaClassBase *object, uint32_t index) const {
    return ivars->members.IndexOf(object, index).value_or(UINT32_MAX);
}

bool OSArray::isEqualTo(const OSMetaClassBase *object) const {
    return isEqualTo(OSDynamicCast(OSArray, object));
}

bool OSArray::isEqualTo(const OSArray *array) const {
    if (array == nullptr || array->getCount() != getCount()) {
        return false;
    }
    for (uint32_t i = 0; i < getCount(); ++i) {
        if (!getObject(i)->isEqualTo(array->getObject(i))) {
            return false;
        }
    }
    return true;
}

OSArrayPtr OSArrayCreate(void) {
    return OSArray::withCapacity(0);
}

uint32_t OSArrayGetCount(OSArrayPtr array) {
    return array != nullptr ? array->getCount() : 0;
}

bool OSArrayApply(OSArrayPtr array, OSArrayApplier applier) {
    for (uint32_t i = 0; i < OSArrayGetCount(array); ++i) {
        if (applier(array->getObject(i))) {
            return true;
        }
    }
    return false;
}

bool OSArraySetValue(OSArrayPtr array, size_t index, OSObjectPtr value) {
    if (array == nullptr) {
        return false;
    }
    if (index == kOSArrayAppend) {
        return array->setObject(value);
    }
    return index <= array->getCount() && array->setObject(static_cast<uint32_t>(index), value);
}

bool OSArrayReplaceValue(OSArrayPtr array, size_t index, OSObjectPtr value) {
    if (value == nullptr || index >= OSArrayGetCount(array)) {
        return false;
    }
    array->replaceObject(static_cast<uint32_t>(index), value);
    return true;
}

bool OSArrayAppendValue(OSArrayPtr array, OSObjectPtr value) {
    return array != nullptr && array->setObject(value);
}

OSObjectPtr OSArrayGetValue(OSArrayPtr array, size_t index) {
    return index < OSArrayGetCount(array) ? array->getObject(static_cast<uint32_t>(index))
                                          : nullptr;
}

const char *OSArrayGetStringValue(OSArrayPtr array, size_t index) {
    return OSStringGetStringPtr(OSDynamicCast(OSString, OSArrayGetValue(array, index)));
}

void OSArraySetStringValue(OSArrayPtr array, size_t index, const char *value) {
    OSString *string = OSString::withCString(value);
    OSArraySetValue(array, index, string);
    OSSafeReleaseNULL(string);
}

uint64_t OSArrayGetUInt64Value(OSArrayPtr array, size_t index) {
    return OSNumberGetUInt64Value(OSDynamicCast(OSNumber, OSArrayGetValue(array, index)));
}

void OSArraySetUInt64Value(OSArrayPtr array, size_t index, uint64_t value) {
    OSNumber *number = OSNumberCreateWithUInt64Value(value);
    OSArraySetValue(array, index, number);
    OSSafeReleaseNULL(number);
}
