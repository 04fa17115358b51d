// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/OSDictionary.h>
#include <DriverKit/OSNumber.h>
#include <DriverKit/OSString.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>
#include <vector>

#include "runtime/object/member_list.h"

struct OSDictionary_IVars {
    struct Entry {
        OSString *key;
        OSObject *value;
    };

    std::vector<Entry> entries;  // in the order they were set; dictionaries are small

    [[nodiscard]] Entry *Find(const char *key) {
        const auto found = std::ranges::find_if(
            entries, [key](const Entry &entry) { return entry.key->isEqualTo(key); });
        return found != entries.end() ? &*found : nullptr;
    }

    /// Retains both.
    void Set(OSString *key, OSObject *value) {
        value->retain();
        if (Entry *present = Find(key->getCStringNoCopy())) {
            std::exchange(present->value, value)->release();
            return;
        }
        key->retain();
        entries.push_back({.key = key, .value = value});
    }
};

using opendext::object::AsObject;
using opendext::object::MakeContainer;

bool OSDictionary::init() {
    if (!super::init()) {
        return false;
    }
    ivars = new (std::nothrow) OSDictionary_IVars;
    return ivars != nullptr;
}

void OSDictionary::free() {
    if (ivars != nullptr) {
        flushCollection();
    }
    delete ivars;
    ivars = nullptr;
    super::free();
}

OSDictionary *OSDictionary::withCapacity(uint32_t capacity) {
    auto *dictionary = MakeContainer<OSDictionary>();
    if (dictionary != nullptr) {
        dictionary->ivars->entries.reserve(capacity);
    }
    return dictionary;
}

OSDictionary *OSDictionary::withDictionary(const OSDictionary *dictionary, uint32_t capacity) {
    if (dictionary == nullptr) {
        return nullptr;
    }
    auto *copy = withCapacity(capacity);
    if (copy != nullptr) {
        copy->merge(dictionary);
    }
    return copy;
}

OSDictionary *OSDictionary::withObjects(const OSObject **values, const OSObject **keys,
                                        uint32_t count, uint32_t capacity) {
    const bool has_arrays = count == 0 || (values != nullptr && keys != nullptr);
    auto *dictionary = has_arrays ? withCapacity(capacity) : nullptr;
    for (uint32_t i = 0; dictionary != nullptr && i < count; ++i) {
        // A NULL key or value is refused too.
        if (!dictionary->setObject(OSDynamicCast(OSString, keys[i]), values[i])) {
            OSSafeReleaseNULL(dictionary);
        }
    }
    return dictionary;
}

uint32_t OSDictionary::getCount() const {
    return static_cast<uint32_t>(ivars->entries.size());
}

uint32_t OSDictionary::getCapacity() const {
    return static_cast<uint32_t>(ivars->entries.capacity());
}

uint32_t OSDictionary::ensureCapacity(uint32_t newCapacity) {
    ivars->entries.reserve(newCapacity);
    return getCapacity();
}

void OSDictionary::flushCollection() {
    for (const auto &[key, value] : std::exchange(ivars->entries, {})) {
        key->release();
        value->release();
    }
}

bool OSDictionary::iterateObjects(OSCollectionIterator block) const {
    if (block == nullptr) {
        return false;
    }
    for (const auto &[key, value] : ivars->entries) {
        if (block(key)) {
            break;
        }
    }
    return true;
}

bool OSDictionary::iterateObjects(OSDictionaryIterator block) const {
    if (block == nullptr) {
        return false;
    }
    for (const auto &[key, value] : ivars->entries) {
        if (block(key, value)) {
            break;
        }
    }
    return true;
}

bool OSDictionary::setObject(const OSString *key, const OSMetaClassBase *object) {
    if (key == nullptr || object == nullptr) {
        return false;
    }
    ivars->Set(const_cast<OSString *>(key), AsObject(object));
    return true;
}

bool OSDictionary::setObject(const char *key, const OSMetaClassBase *object) {
    OSString *string = OSString::withCString(key);
    const bool was_set = setObject(string, object);
    OSSafeReleaseNULL(string);
    return was_set;
}

bool OSDictionary::merge(const OSDictionary *dictionary) {
    if (dictionary == nullptr) {
        return false;
    }
    if (dictionary != this) {
        for (const auto &[key, value] : dictionary->ivars->entries) {
            ivars->Set(key, value);
        }
    }
    return true;
}

void OSDictionary::removeObject(const OSString *key) {
    if (key != nullptr) {
        removeObject(key->getCStringNoCopy());
    }
}

void OSDictionary::removeObject(const char *key) {
    OSDictionary_IVars::Entry *present = key != nullptr ? ivars->Find(key) : nullptr;
    if (present == nullptr) {
        return;
    }
    const OSDictionary_IVars::Entry removed = *present;
    ivars->entries.erase(ivars->entries.begin() + (present - ivars->entries.data()));
    removed.key->release();
    removed.value->release();
}

OSObject *OSDictionary::getObject(const OSString *key) const {
    return key != nullptr ? getObject(key->getCStringNoCopy()) : nullptr;
}

OSObject *OSDictionary::getObject(const char *key) const {
    const OSDictionary_IVars::Entry *present = key != nullptr ? ivars->Find(key) : nullptr;
    return present != nullptr ? present->value : nullptr;
}

bool OSDictionary::isEqualTo(const OSMetaClassBase *object) const {
    return isEqualTo(OSDynamicCast(OSDictionary, object));
}

bool OSDictionary::isEqualTo(const OSDictionary *dictionary) const {
    if (dictionary == nullptr || dictionary->getCount() != getCount()) {
        return false;
    }
    return std::ranges::all_of(ivars->entries,
                               [dictionary](const OSDictionary_IVars::Entry &entry) {
                                   const OSObject *other = dictionary->getObject(entry.key);
                                   return other != nullptr && entry.value->isEqualTo(other);
                               });
}

OSDictionaryPtr OSDictionaryCreate(void) {
    return OSDictionary::withCapacity(0);
}

uint32_t OSDictionaryGetCount(OSDictionaryPtr dictionary) {
    return dictionary != nullptr ? dictionary->getCount() : 0;
}

bool OSDictionaryApply(OSDictionaryPtr dictionary, OSDictionaryApplier applier) {
    if (dictionary == nullptr) {
        return false;
    }
    __block bool stopped = false;
    dictionary->iterateObjects(^bool(OSObject *key, OSObject *value) {
        stopped = applier(static_cast<OSString *>(key)->getCStringNoCopy(), value);
        return stopped;
    });
    return stopped;
}

bool OSDictionarySetValue(OSDictionaryPtr dictionary, const char *key, OSObjectPtr value) {
    return dictionary != nullptr && dictionary->setObject(key, value);
}

OSObjectPtr OSDictionaryGetValue(OSDictionaryPtr dictionary, const char *key) {
    return dictionary != nullptr ? dictionary->getObject(key) : nullptr;
}

const char *OSDictionaryGetStringValue(OSDictionaryPtr dictionary, const char *key) {
    return OSStringGetStringPtr(OSDynamicCast(OSString, OSDictionaryGetValue(dictionary, key)));
}

uint64_t OSDictionaryGetUInt64Value(OSDictionaryPtr dictionary, const char *key) {
    return OSNumberGetUInt64Value(OSDynamicCast(OSNumber, OSDictionaryGetValue(dictionary, key)));
}

void OSDictionarySetStringValue(OSDictionaryPtr dictionary, const char *key, const char *value) {
    OSString *string = OSString::withCString(value);
    OSDictionarySetValue(dictionary, key, string);
    OSSafeReleaseNULL(string);
}

void OSDictionarySetUInt64Value(OSDictionaryPtr dictionary, const char *key, uint64_t value) {
    OSNumber *number = OSNumberCreateWithUInt64Value(value);
    OSDictionarySetValue(dictionary, key, number);
    OSSafeReleaseNULL(number);
}
