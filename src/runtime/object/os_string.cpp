// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/OSData.h>
#include <DriverKit/OSString.h>

#include <cstring>
#include <mutex>
#include <new>
#include <string>
#include <unordered_map>

#include "runtime/object/member_list.h"
#include "runtime/object/object_internals.h"

struct OSString_IVars {
    std::string text;
    const char *borrowed = nullptr;

    [[nodiscard]] const char *Start() const {
        return borrowed != nullptr ? borrowed : text.c_str();
    }
};

using opendext::object::MakeContainer;

bool OSString::init() {
    if (!super::init()) {
        return false;
    }
    ivars = new (std::nothrow) OSString_IVars;
    return ivars != nullptr;
}

void OSString::free() {
    delete ivars;
    ivars = nullptr;
    super::free();
}

OSString *OSString::withString(const OSString *string) {
    return string != nullptr ? withCString(string->getCStringNoCopy()) : nullptr;
}

OSString *OSString::withCString(const char *cString) {
    return cString != nullptr ? withCString(cString, std::strlen(cString)) : nullptr;
}

OSString *OSString::withCString(const char *cString, size_t length) {
    if (cString == nullptr) {
        return nullptr;
    }
    auto *string = MakeContainer<OSString>();
    if (string != nullptr) {
        string->ivars->text.assign(cString, strnlen(cString, length));
    }
    return string;
}

OSString *OSString::withCStringNoCopy(const char *cString) {
    if (cString == nullptr) {
        return nullptr;
    }
    auto *string = MakeContainer<OSString>();
    if (string != nullptr) {
        string->ivars->borrowed = cString;
    }
    return string;
}

size_t OSString::getLength() const {
    return ivars->borrowed != nullptr ? std::strlen(ivars->borrowed) : ivars->text.size();
}

char OSString::getChar(size_t index) const {
    return index < getLength() ? ivars->Start()[index] : '\0';
}

const char *OSString::getCStringNoCopy() const {
    return ivars->Start();
}

bool OSString::isEqualTo(const OSMetaClassBase *object) const {
    if (const auto *string = OSDynamicCast(OSString, object)) {
        return isEqualTo(string);
    }
    const auto *data = OSDynamicCast(OSData, object);
    return data != nullptr && isEqualTo(data);
}

bool OSString::isEqualTo(const OSString *string) const {
    return string != nullptr && isEqualTo(string->getCStringNoCopy());
}

bool OSString::isEqualTo(const OSData *data) const {
    return data != nullptr && data->isEqualTo(this);
}

bool OSString::isEqualTo(const char *cString) const {
    return cString != nullptr && std::strcmp(ivars->Start(), cString) == 0;
}

OSStringPtr OSStringCreate(const char *cstring, size_t length) {
    return OSString::withCString(cstring, length);
}

size_t OSStringGetLength(OSStringPtr string) {
    return string != nullptr ? string->getLength() : 0;
}

const char *OSStringGetStringPtr(OSStringPtr string) {
    return string != nullptr ? string->getCStringNoCopy() : nullptr;
}

OSStringPtr _OSStringOfLiteral(const char *literal) {
    static std::mutex mutex;
    static auto *known = new std::unordered_map<const void *, OSString *>;  // for ever
    const std::lock_guard lock(mutex);
    OSString *&string = (*known)[literal];
    // An image that has been unloaded may have had another literal there.
    if (string == nullptr || !string->isEqualTo(literal)) {
        string = OSString::withCString(literal);
        if (string != nullptr) {
            opendext::object::MetaClassInternals::CountObject(OSTypeID(OSString), -1);
        }
    }
    return string;
}
