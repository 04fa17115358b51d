// SPDX-License-Identifier: Apache-2.0
#include "runtime/service/property_objects.h"

#include <utility>

#include <DriverKit/OSArray.h>
#include <DriverKit/OSBoolean.h>
#include <DriverKit/OSData.h>
#include <DriverKit/OSDictionary.h>
#include <DriverKit/OSNumber.h>
#include <DriverKit/OSString.h>

namespace opendext::service {
namespace {

constexpr int kMaxDepth = 64;

std::optional<PropertyValue> Convert(const OSObject *object, int depth);

std::optional<PropertyValue> ConvertArray(const OSArray *array, int depth) {
    PropertyValue::Array values;
    for (uint32_t index = 0; index < array->getCount(); ++index) {
        std::optional<PropertyValue> value = Convert(array->getObject(index), depth);
        if (!value) {
            return std::nullopt;
        }
        values.push_back(std::move(*value));
    }
    return PropertyValue(std::move(values));
}

std::optional<PropertyValue> ConvertDictionary(const OSDictionary *dictionary, int depth) {
    __block PropertyValue::Dictionary values;
    __block bool is_plain = true;
    dictionary->iterateObjects(^bool(OSObject *key, OSObject *object) {
        const OSString *name = OSDynamicCast(OSString, key);
        std::optional<PropertyValue> value = Convert(object, depth);
        is_plain = name != nullptr && value.has_value();
        if (is_plain) {
            values.insert_or_assign(std::string(name->getCStringNoCopy(), name->getLength()),
                                    std::move(*value));
        }
        return !is_plain;
    });
    return is_plain ? std::optional(PropertyValue(std::move(values))) : std::nullopt;
}

std::optional<PropertyValue> Convert(const OSObject *object, int depth) {
    if (depth >= kMaxDepth) {
        return std::nullopt;
    }
    if (const OSString *string = OSDynamicCast(OSString, object)) {
        return PropertyValue(std::string(string->getCStringNoCopy(), string->getLength()));
    }
    if (const OSNumber *number = OSDynamicCast(OSNumber, object)) {
        return PropertyValue::FromInteger(number->unsigned64BitValue(),
                                          static_cast<uint8_t>(number->numberOfBits()));
    }
    if (const OSBoolean *boolean = OSDynamicCast(OSBoolean, object)) {
        return PropertyValue(boolean->isTrue());
    }
    if (const OSData *data = OSDynamicCast(OSData, object)) {
        const auto *bytes = static_cast<const uint8_t *>(data->getBytesNoCopy());
        return PropertyValue(PropertyValue::Data(bytes, bytes + data->getLength()));
    }
    if (const OSArray *array = OSDynamicCast(OSArray, object)) {
        return ConvertArray(array, depth + 1);
    }
    if (const OSDictionary *dictionary = OSDynamicCast(OSDictionary, object)) {
        return ConvertDictionary(dictionary, depth + 1);
    }
    return std::nullopt;
}

OSObject *MakeArray(const PropertyValue::Array &values) {
    OSArray *array = OSArray::withCapacity(static_cast<uint32_t>(values.size()));
    for (const PropertyValue &value : values) {
        OSObject *object = array != nullptr ? ToObject(value) : nullptr;
        if (object != nullptr) {
            array->setObject(object);
            object->release();
        }
    }
    return array;
}

OSObject *MakeDictionary(const PropertyValue::Dictionary &values) {
    OSDictionary *dictionary = OSDictionary::withCapacity(static_cast<uint32_t>(values.size()));
    for (const auto &[key, value] : values) {
        OSObject *object = dictionary != nullptr ? ToObject(value) : nullptr;
        if (object != nullptr) {
            dictionary->setObject(key.c_str(), object);
            object->release();
        }
    }
    return dictionary;
}

}  // namespace

std::optional<PropertyValue> ToPropertyValue(const OSObject *object) {
    return Convert(object, 0);
}

OSObject *ToObject(const PropertyValue &value) {
    switch (value.kind()) {
        case PropertyValue::Kind::kNull:
            return nullptr;
        case PropertyValue::Kind::kBool:
            return OSBoolean::withBoolean(*value.IfBool());
        case PropertyValue::Kind::kInteger:
            return OSNumber::withNumber(value.IfInteger()->value, value.IfInteger()->num_bits);
        case PropertyValue::Kind::kString:
            return OSString::withCString(value.IfString()->c_str(), value.IfString()->size());
        case PropertyValue::Kind::kData:
            return OSData::withBytes(value.IfData()->data(), value.IfData()->size());
        case PropertyValue::Kind::kArray:
            return MakeArray(*value.IfArray());
        case PropertyValue::Kind::kDictionary:
            return MakeDictionary(*value.IfDictionary());
    }
    return nullptr;
}

}  // namespace opendext::service
