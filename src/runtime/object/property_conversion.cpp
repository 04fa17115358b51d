// SPDX-License-Identifier: Apache-2.0
#include "runtime/object/property_conversion.h"

#include <utility>

#include <DriverKit/OSCollections.h>
#include <fmt/format.h>

#include "base/log.h"

namespace opendext::object {
namespace {

using Conversion = std::expected<PropertyValue, std::string>;

Conversion Convert(const OSObject *object, int depth);

uint8_t WholeWidth(uint32_t num_bits) {
    for (const uint8_t width : {8, 16, 32}) {
        if (num_bits <= width) {
            return width;
        }
    }
    return 64;
}

Conversion ConvertMembers(const OSCollection *collection, int depth) {
    PropertyValue::Array array;
    std::string error;
    auto *const array_out = &array;
    auto *const error_out = &error;
    collection->iterateObjects(^bool(OSObject *member) {
        Conversion value = Convert(member, depth + 1);
        if (!value) {
            *error_out = value.error();
            return true;
        }
        array_out->push_back(std::move(*value));
        return false;
    });
    if (!error.empty()) {
        return std::unexpected(std::move(error));
    }
    return PropertyValue(std::move(array));
}

Conversion ConvertDictionary(const OSDictionary *dictionary, int depth) {
    PropertyValue::Dictionary entries;
    std::string error;
    auto *const entries_out = &entries;
    auto *const error_out = &error;
    dictionary->iterateObjects(^bool(OSObject *key, OSObject *member) {
        const char *name = static_cast<OSString *>(key)->getCStringNoCopy();
        Conversion value = Convert(member, depth + 1);
        if (!value) {
            *error_out = fmt::format("{}: {}", name, value.error());
            return true;
        }
        entries_out->insert_or_assign(name, std::move(*value));
        return false;
    });
    if (!error.empty()) {
        return std::unexpected(std::move(error));
    }
    return PropertyValue(std::move(entries));
}

Conversion Convert(const OSObject *object, int depth) {
    if (object == nullptr) {
        return PropertyValue();
    }
    if (depth > kMaxPropertyDepth) {
        return std::unexpected(fmt::format("containers nest deeper than {}", kMaxPropertyDepth));
    }
    if (const auto *string = OSDynamicCast(OSString, object)) {
        return PropertyValue(string->getCStringNoCopy());
    }
    if (const auto *number = OSDynamicCast(OSNumber, object)) {
        return PropertyValue::FromInteger(number->unsigned64BitValue(),
                                          WholeWidth(number->numberOfBits()));
    }
    if (const auto *boolean = OSDynamicCast(OSBoolean, object)) {
        return PropertyValue(boolean->getValue());
    }
    if (const auto *data = OSDynamicCast(OSData, object)) {
        const auto *bytes = static_cast<const uint8_t *>(data->getBytesNoCopy());
        return PropertyValue(PropertyValue::Data(bytes, bytes + data->getLength()));
    }
    if (const auto *dictionary = OSDynamicCast(OSDictionary, object)) {
        return ConvertDictionary(dictionary, depth);
    }
    if (const auto *collection = OSDynamicCast(OSCollection, object)) {
        return ConvertMembers(collection, depth);
    }
    return std::unexpected(
        fmt::format("an object of class {} cannot be a property; use OSString, OSNumber, "
                    "OSBoolean, OSData, OSArray or OSDictionary",
                    object->getMetaClass()->getClassName()));
}

OSObject *Make(const PropertyValue &value, int depth);

OSObject *MakeArray(const PropertyValue::Array &values, int depth) {
    OSArray *array = OSArray::withCapacity(static_cast<uint32_t>(values.size()));
    for (const PropertyValue &value : values) {
        OSObject *member = array != nullptr ? Make(value, depth + 1) : nullptr;
        if (member != nullptr) {
            array->setObject(member);
            member->release();
        }
    }
    return array;
}

OSObject *MakeDictionary(const PropertyValue::Dictionary &values, int depth) {
    OSDictionary *dictionary = OSDictionary::withCapacity(static_cast<uint32_t>(values.size()));
    for (const auto &[key, value] : values) {
        OSObject *member = dictionary != nullptr ? Make(value, depth + 1) : nullptr;
        if (member != nullptr) {
            dictionary->setObject(key.c_str(), member);
            member->release();
        }
    }
    return dictionary;
}

OSObject *Make(const PropertyValue &value, int depth) {
    if (depth > kMaxPropertyDepth) {
        return nullptr;
    }
    switch (value.kind()) {
        case PropertyValue::Kind::kNull:
            return nullptr;
        case PropertyValue::Kind::kBool:
            return OSBoolean::withBoolean(*value.IfBool());
        case PropertyValue::Kind::kInteger:
            return OSNumber::withNumber(value.IfInteger()->value, value.IfInteger()->num_bits);
        case PropertyValue::Kind::kString:
            return OSString::withCString(value.IfString()->c_str());
        case PropertyValue::Kind::kData:
            return OSData::withBytes(value.IfData()->data(), value.IfData()->size());
        case PropertyValue::Kind::kArray:
            return MakeArray(*value.IfArray(), depth);
        case PropertyValue::Kind::kDictionary:
            return MakeDictionary(*value.IfDictionary(), depth);
    }
    return nullptr;
}

}  // namespace

std::expected<PropertyValue, std::string> ToPropertyValue(const OSObject *object) {
    return Convert(object, 0);
}

OSObject *FromPropertyValue(const PropertyValue &value) {
    return Make(value, 0);
}

}  // namespace opendext::object

void OSObjectRetain(OSObjectPtr object) {
    if (object != nullptr) {
        object->retain();
    }
}

void OSObjectRelease(OSObjectPtr object) {
    OSSafeRelease(object);
}

void OSObjectLog(OSObjectPtr object) {
    const auto value = opendext::object::ToPropertyValue(object);
    opendext::LogInfo("{} {}", object != nullptr ? object->getMetaClass()->getClassName() : "NULL",
                      value ? value->ToString() : value.error());
}
