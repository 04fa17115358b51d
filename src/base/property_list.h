// SPDX-License-Identifier: Apache-2.0
/// @file property_list.h
/// Property lists: files (Info.plist, entitlements; XML or binary) and the form in which properties travel
/// between processes. All of it is checked before use: bytes of a hostile sender cost an error, and time
/// and memory in proportion to the limits. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/property_value.h"

namespace opendext {

/// Why a property list could not be read.
struct PropertyListError {
    std::string message;  ///< One line, without the file's name.
    int line = 0;         ///< Counted from 1; 0 when unknown: binary lists have none.

    /// "NAME:LINE: error: MESSAGE", or "NAME: error: MESSAGE" without a line.
    [[nodiscard]] std::string ToString(std::string_view name) const;
};

/// What a property list may cost. A list beyond a limit is an error.
struct PropertyListLimits {
    size_t max_num_bytes = size_t{4}
                           << 20;  ///< Of the text, and of all strings and data in a binary list.
    size_t max_num_values = size_t{64}
                            << 10;  ///< All scalars, arrays, dictionaries and keys together.
    size_t max_depth = 48;          ///< Arrays and dictionaries within each other.
};

/// Reads a property list, XML or binary, whichever `text` is. `<real>` becomes the whole number below its
/// magnitude, 64 bits wide; integers are 64 bits wide; of a key that comes twice, the last counts; `<date>`
/// and UIDs are errors.
[[nodiscard]] std::expected<PropertyValue, PropertyListError> ReadPropertyList(
    std::string_view text, const PropertyListLimits &limits = {});

/// As ReadPropertyList, of a file. A file that cannot be read is an error without a line.
[[nodiscard]] std::expected<PropertyValue, PropertyListError> ReadPropertyListFile(
    const std::filesystem::path &path, const PropertyListLimits &limits = {});

/// `value` as a binary property list that DecodePropertyValue turns into an equal value. What property lists
/// cannot express is a dictionary of one key: `$null`, `$integer8/16/32` for narrow integers, and `$bytes`
/// for strings that are not UTF-8.
/// @return an error when `value` exceeds `limits`, or a key is not UTF-8, has a NUL, or is such a `$` name.
[[nodiscard]] std::expected<std::vector<uint8_t>, PropertyListError> EncodePropertyValue(
    const PropertyValue &value, const PropertyListLimits &limits = {});

/// Reads what EncodePropertyValue wrote, from a process that is not trusted.
[[nodiscard]] std::expected<PropertyValue, PropertyListError> DecodePropertyValue(
    std::span<const uint8_t> bytes, const PropertyListLimits &limits = {});

}  // namespace opendext
