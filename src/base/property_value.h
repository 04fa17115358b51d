// SPDX-License-Identifier: Apache-2.0
/// @file property_value.h
/// A registry property, neutral between driver objects (OSObject), application objects (CFTypeRef), property
/// list files and messages.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace opendext {

/// One value, with all that is in it. Copied as a whole; equal when all of it is equal. No sharing, so any
/// thread may read it as long as none writes.
class PropertyValue {
public:
    /// An integer as OSNumber has it: the low `num_bits` (8, 16, 32 or 64) of `value`, the rest zero.
    struct Integer {
        uint64_t value = 0;
        uint8_t num_bits = 64;
        bool operator==(const Integer &) const = default;
    };
    using Data = std::vector<uint8_t>;
    using Array = std::vector<PropertyValue>;
    /// Sorted by key.
    using Dictionary = std::map<std::string, PropertyValue, std::less<>>;

    enum class Kind { kNull, kBool, kInteger, kString, kData, kArray, kDictionary };

    /// Null.
    PropertyValue() = default;
    PropertyValue(bool value) : value_(value) {}
    PropertyValue(Integer value) : value_(Normalized(value)) {}
    PropertyValue(std::string value) : value_(std::move(value)) {}
    PropertyValue(std::string_view value) : value_(std::string(value)) {}
    PropertyValue(const char *value) : value_(std::string(value)) {}
    PropertyValue(Data value) : value_(std::move(value)) {}
    PropertyValue(Array value) : value_(std::move(value)) {}
    PropertyValue(Dictionary value) : value_(std::move(value)) {}
    /// Without this, every pointer would turn into a bool.
    PropertyValue(const void *) = delete;

    /// An integer; bits of `value` above `num_bits` are dropped.
    [[nodiscard]] static PropertyValue FromInteger(uint64_t value, uint8_t num_bits = 64) {
        return PropertyValue(Integer{.value = value, .num_bits = num_bits});
    }

    [[nodiscard]] Kind kind() const { return static_cast<Kind>(value_.index()); }
    [[nodiscard]] bool is_null() const { return kind() == Kind::kNull; }

    /// The contents when the value is of that kind, else NULL. Borrowed from this object.
    [[nodiscard]] const bool *IfBool() const { return std::get_if<bool>(&value_); }
    [[nodiscard]] const Integer *IfInteger() const { return std::get_if<Integer>(&value_); }
    [[nodiscard]] const std::string *IfString() const { return std::get_if<std::string>(&value_); }
    [[nodiscard]] const Data *IfData() const { return std::get_if<Data>(&value_); }
    [[nodiscard]] const Array *IfArray() const { return std::get_if<Array>(&value_); }
    [[nodiscard]] const Dictionary *IfDictionary() const {
        return std::get_if<Dictionary>(&value_);
    }
    [[nodiscard]] Array *IfArray() { return std::get_if<Array>(&value_); }
    [[nodiscard]] Dictionary *IfDictionary() { return std::get_if<Dictionary>(&value_); }

    /// The value of `key` when this is a dictionary that has it, else NULL. Borrowed from this object.
    [[nodiscard]] const PropertyValue *Find(std::string_view key) const;

    /// For diagnostics and trees on a terminal: `{"a" = 0x1f, "b" = <0102>}`, on one line.
    [[nodiscard]] std::string ToString() const;

    bool operator==(const PropertyValue &) const = default;

private:
    static Integer Normalized(Integer value);

    // In the order of Kind.
    std::variant<std::monostate, bool, Integer, std::string, Data, Array, Dictionary> value_;
};

/// "null", "boolean", "integer", "string", "data", "array" or "dictionary".
[[nodiscard]] std::string_view PropertyKindName(PropertyValue::Kind kind);

}  // namespace opendext
