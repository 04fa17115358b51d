// SPDX-License-Identifier: Apache-2.0
/// @file property_conversion.h
/// Between DriverKit containers and registry properties. Any thread, as long as nobody changes the container.
#pragma once

#include <expected>
#include <string>

#include <DriverKit/OSObject.h>

#include "base/property_value.h"

namespace opendext::object {

/// A copy of a container as a property. Sets become arrays; numbers keep their width, rounded up to 8, 16, 32 or
/// 64 bits.
/// @return what is wrong: an object that is not a container (its class is named), or nesting deeper than
///         kMaxPropertyDepth.
[[nodiscard]] std::expected<PropertyValue, std::string> ToPropertyValue(const OSObject *object);

/// A property as a new container.
/// @return +1; NULL for a null value, for nesting deeper than kMaxPropertyDepth or when memory is short.
[[nodiscard]] OSObject *FromPropertyValue(const PropertyValue &value);

/// How deep containers may nest; protects the stack from containers that contain themselves.
inline constexpr int kMaxPropertyDepth = 64;

}  // namespace opendext::object
