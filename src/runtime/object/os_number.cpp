// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/OSNumber.h>

#include <new>

#include "runtime/object/member_list.h"

struct OSNumber_IVars {
    uint64_t value = 0;
    uint32_t num_bits = 64;

    void Set(uint64_t new_value) {
        value = num_bits == 64 ? new_value : new_value & ((uint64_t{1} << num_bits) - 1);
    }
};

using opendext::object::MakeContainer;

bool OSNumber::init() {
    if (!super::init()) {
        return false;
    }
    ivars = new (std::nothrow) OSNumber_IVars;
    return ivars != nullptr;
}

void OSNumber::free() {
    delete ivars;
    ivars = nullptr;
    super::free();
}

OSNumber *OSNumber::withNumber(uint64_t value, size_t numberOfBits) {
    if (numberOfBits == 0 || numberOfBits > 64) {
        return nullptr;
    }
    auto *number = MakeContainer<OSNumber>();
    if (number != nullptr) {
        number->ivars->num_bits = static_cast<uint32_t>(numberOfBits);
        number->ivars->Set(value);
    }
    return number;
}

uint32_t OSNumber::numberOfBits() const {
    return ivars->num_bits;
}

uint32_t OSNumber::numberOfBytes() const {
    return (ivars->num_bits + 7) / 8;
}

uint8_t OSNumber::unsigned8BitValue() const {
    return static_cast<uint8_t>(ivars->value);
}

uint16_t OSNumber::unsigned16BitValue() const {
    return static_cast<uint16_t>(ivars->value);
}

uint32_t OSNumber::unsigned32BitValue() const {
    return static_cast<uint32_t>(ivars->value);
}

uint64_t OSNumber::unsigned64BitValue() const {
    return ivars->value;
}

void OSNumber::addValue(int64_t value) {
    ivars->Set(ivars->value + static_cast<uint64_t>(value));
}

void OSNumber::setValue(uint64_t value) {
    ivars->Set(value);
}

bool OSNumber::isEqualTo(const OSMetaClassBase *object) const {
    return isEqualTo(OSDynamicCast(OSNumber, object));
}

bool OSNumber::isEqualTo(const OSNumber *number) const {
    return number != nullptr && number->ivars->value == ivars->value;
}

OSNumberPtr OSNumberCreateWithUInt64Value(uint64_t value) {
    return OSNumber::withNumber(value, 64);
}

uint64_t OSNumberGetUInt64Value(OSNumberPtr number) {
    return number != nullptr ? number->unsigned64BitValue() : 0;
}
