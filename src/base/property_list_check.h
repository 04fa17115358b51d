// SPDX-License-Identifier: Apache-2.0
/// @file property_list_check.h
/// What is checked of a property list before libplist reads it: libplist names no line, and takes the time,
/// memory and stack that the text asks for. Private to this folder.
#pragma once

#include <expected>
#include <string_view>

#include "base/property_list.h"

namespace opendext {

/// Checks that `text` is an XML property list within `limits`: its form, element by element.
[[nodiscard]] std::expected<void, PropertyListError> CheckXmlPropertyList(
    std::string_view text, const PropertyListLimits &limits);

/// Checks that the binary property list `bytes`, unfolded into a tree, is within `limits`. In the file an
/// object may be referred to many times, or contain itself; libplist copies it each time.
[[nodiscard]] std::expected<void, PropertyListError> CheckBinaryPropertyList(
    std::string_view bytes, const PropertyListLimits &limits);

}  // namespace opendext
