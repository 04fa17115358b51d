// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CoreFoundation/CFBase.h>

#include <expected>
#include <string>

#include "base/property_value.h"

// Between the objects of an application and the neutral registry properties. Any thread.
namespace opendext::cf {

// A new object (+1), deep: null gives kCFNull, strings CFString, and so on; dictionaries and arrays are mutable
// with the kCFType callbacks. Integers of up to 32 bits become kCFNumberSInt32Type, wider ones
// kCFNumberSInt64Type, with the same bits: 0xffffffff of 32 bits reads as -1.
[[nodiscard]] CFTypeRef CreateObject(const PropertyValue &value);

// A deep copy of an object. Integers keep the width of their type. Error, saying what and where: a type that
// has no property form (a float, a run loop), a key that is not a string, nesting deeper than 64.
[[nodiscard]] std::expected<PropertyValue, std::string> ToPropertyValue(CFTypeRef object);

}  // namespace opendext::cf
