// SPDX-License-Identifier: Apache-2.0
/// @file property_objects.h
/// Properties between driver objects and the neutral form that the registry has.
#pragma once

#include <optional>

#include "base/property_value.h"

class OSObject;

namespace opendext::service {

/// A copy of a plain container with all that is in it: OSString, OSNumber, OSData, OSBoolean, OSArray,
/// OSDictionary. nullopt when there is an object of another class in it, or it is nested deeper than 64
/// levels (a cycle).
[[nodiscard]] std::optional<PropertyValue> ToPropertyValue(const OSObject *object);

/// The object that a value describes, +1. NULL for a null value or when memory is short.
[[nodiscard]] OSObject *ToObject(const PropertyValue &value);

}  // namespace opendext::service
