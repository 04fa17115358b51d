// SPDX-License-Identifier: Apache-2.0
#include "iokit/corefoundation/property_conversion.h"

#include <CoreFoundation/CFArray.h>
#include <CoreFoundation/CFData.h>
#include <CoreFoundation/CFDictionary.h>
#include <CoreFoundation/CFNumber.h>
#include <fmt/format.h>

#include "iokit/corefoundation/object.h"
#include "iokit/corefoundation/string.h"

namespace opendext::cf {
namespace {

constexpr int kMaxDepth = 64;

using Result = std::expected<PropertyValue, std::string>;

CFTypeRef CreateNumber(const PropertyValue::Integer &integer) {
    if (integer.num_bits <= 32) {
        const auto bits = static_cast<std::uint32_t>(integer.value);
        return CFNumberCreate(kCFAllocatorDefault, kCFNumberSInt32Type, &bits);
    }
    return CFNumberCreate(kCFAllocatorDefault, kCFNumberSInt64Type, &integer.value);
}

CFTypeRef CreateArray(const PropertyValue::Array &values) {
    CFMutableArrayRef array = CFArrayCreateMutable(kCFAllocatorDefault, 0, &kCFTypeArrayCallBacks);
    for (const PropertyValue &value : values) {
        CFArrayAppendValue(array, Ref<CFTypeRef>::Adopt(CreateObject(value)).Get());
    }
    return array;
}

CFTypeRef CreateDictionary(const PropertyValue::Dictionary &values) {
    CFMutableDictionaryRef dictionary = CFDictionaryCreateMutable(
        kCFAllocatorDefault, 0, &kCFTypeDictionaryKeyCallBacks, &kCFTypeDictionaryValueCallBacks);
    for (const auto &[name, value] : values) {
        const auto key = Ref<CFStringRef>::Adopt(NewString(std::string_view(name)));
        CFDictionarySetValue(dictionary, key.Get(),
                             Ref<CFTypeRef>::Adopt(CreateObject(value)).Get());
    }
    return dictionary;
}

Result ConvertNumber(CFNumberRef number) {
    if (CFNumberIsFloatType(number)) {
        return std::unexpected(
            "a floating-point number has no property form; use an integer or a string");
    }
    std::int64_t value = 0;
    CFNumberGetValue(number, kCFNumberSInt64Type, &value);
    const auto num_bits = static_cast<std::uint8_t>(CFNumberGetByteSize(number) * 8);
    return PropertyValue::FromInteger(static_cast<std::uint64_t>(value), num_bits);
}

Result Convert(CFTypeRef object, int depth);

Result ConvertArray(CFArrayRef array, int depth) {
    PropertyValue::Array values;
    for (CFIndex i = 0; i < CFArrayGetCount(array); ++i) {
        Result value = Convert(CFArrayGetValueAtIndex(array, i), depth + 1);
        if (!value) {
            return std::unexpected(fmt::format("[{}]: {}", i, value.error()));
        }
        values.push_back(std::move(*value));
    }
    return PropertyValue(std::move(values));
}

Result ConvertDictionary(CFDictionaryRef dictionary, int depth) {
    const auto count = static_cast<std::size_t>(CFDictionaryGetCount(dictionary));
    std::vector<const void *> keys(count);
    std::vector<const void *> objects(count);
    CFDictionaryGetKeysAndValues(dictionary, keys.data(), objects.data());
    PropertyValue::Dictionary values;
    for (std::size_t i = 0; i < count; ++i) {
        if (CFGetTypeID(keys[i]) != CFStringGetTypeID()) {
            return std::unexpected(fmt::format("key {} is not a string", Describe(keys[i])));
        }
        std::string name = ToUtf8(static_cast<CFStringRef>(keys[i]));
        Result value = Convert(objects[i], depth + 1);
        if (!value) {
            return std::unexpected(fmt::format("\"{}\": {}", name, value.error()));
        }
        values.insert_or_assign(std::move(name), std::move(*value));
    }
    return PropertyValue(std::move(values));
}

Result Convert(CFTypeRef object, int depth) {
    if (depth > kMaxDepth) {
        return std::unexpected(fmt::format("nested deeper than {}", kMaxDepth));
    }
    if (object == nullptr) {
        return std::unexpected("the object is NULL");
    }
    switch (CFGetTypeID(object)) {
        case kTypeNull:
            return PropertyValue();
        case kTypeBoolean:
            return PropertyValue(CFBooleanGetValue(static_cast<CFBooleanRef>(object)) != 0);
        case kTypeNumber:
            return ConvertNumber(static_cast<CFNumberRef>(object));
        case kTypeString:
            return PropertyValue(ToUtf8(static_cast<CFStringRef>(object)));
        case kTypeData: {
            const auto data = static_cast<CFDataRef>(object);
            const UInt8 *const bytes = CFDataGetBytePtr(data);
            return PropertyValue(PropertyValue::Data(bytes, bytes + CFDataGetLength(data)));
        }
        case kTypeArray:
            return ConvertArray(static_cast<CFArrayRef>(object), depth);
        case kTypeDictionary:
            return ConvertDictionary(static_cast<CFDictionaryRef>(object), depth);
        default:
            return std::unexpected(fmt::format("{} has no property form", Describe(object)));
    }
}

}  // namespace

CFTypeRef CreateObject(const PropertyValue &value) {
    switch (value.kind()) {
        case PropertyValue::Kind::kBool:
            return *value.IfBool() ? kCFBooleanTrue : kCFBooleanFalse;
        case PropertyValue::Kind::kInteger:
            return CreateNumber(*value.IfInteger());
        case PropertyValue::Kind::kString:
            return NewString(std::string_view(*value.IfString()));
        case PropertyValue::Kind::kData:
            return CFDataCreate(kCFAllocatorDefault, value.IfData()->data(),
                                static_cast<CFIndex>(value.IfData()->size()));
        case PropertyValue::Kind::kArray:
            return CreateArray(*value.IfArray());
        case PropertyValue::Kind::kDictionary:
            return CreateDictionary(*value.IfDictionary());
        case PropertyValue::Kind::kNull:
            break;
    }
    return kCFNull;
}

std::expected<PropertyValue, std::string> ToPropertyValue(CFTypeRef object) {
    return Convert(object, 0);
}

}  // namespace opendext::cf
