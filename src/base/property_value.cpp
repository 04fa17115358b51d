// SPDX-License-Identifier: Apache-2.0
#include "base/property_value.h"

#include <array>
#include <iterator>

#include <fmt/format.h>

namespace opendext {
namespace {

using Output = std::back_insert_iterator<std::string>;

void AppendQuoted(std::string &text, std::string_view value) {
    text += '"';
    for (const char c : value) {
        if (c == '"' || c == '\\') {
            text += '\\';
            text += c;
        } else if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') {
            fmt::format_to(Output(text), "\\x{:02x}", static_cast<unsigned char>(c));
        } else {
            text += c;
        }
    }
    text += '"';
}

void Append(std::string &text, const PropertyValue &value);

void AppendArray(std::string &text, const PropertyValue::Array &array) {
    const char *separator = "(";
    for (const PropertyValue &element : array) {
        text += std::exchange(separator, ", ");
        Append(text, element);
    }
    text += array.empty() ? "()" : ")";
}

void AppendDictionary(std::string &text, const PropertyValue::Dictionary &dictionary) {
    const char *separator = "{";
    for (const auto &[key, element] : dictionary) {
        text += std::exchange(separator, ", ");
        AppendQuoted(text, key);
        text += " = ";
        Append(text, element);
    }
    text += dictionary.empty() ? "{}" : "}";
}

void Append(std::string &text, const PropertyValue &value) {
    switch (value.kind()) {
        case PropertyValue::Kind::kNull:
            text += "null";
            break;
        case PropertyValue::Kind::kBool:
            text += *value.IfBool() ? "true" : "false";
            break;
        case PropertyValue::Kind::kInteger:
            fmt::format_to(Output(text), "{:#x}", value.IfInteger()->value);
            break;
        case PropertyValue::Kind::kString:
            AppendQuoted(text, *value.IfString());
            break;
        case PropertyValue::Kind::kData:
            fmt::format_to(Output(text), "<{:02x}>", fmt::join(*value.IfData(), ""));
            break;
        case PropertyValue::Kind::kArray:
            AppendArray(text, *value.IfArray());
            break;
        case PropertyValue::Kind::kDictionary:
            AppendDictionary(text, *value.IfDictionary());
            break;
    }
}

}  // namespace

PropertyValue::Integer PropertyValue::Normalized(Integer value) {
    if (value.num_bits < 64) {
        value.value &= (uint64_t{1} << value.num_bits) - 1;
    }
    return value;
}

const PropertyValue *PropertyValue::Find(std::string_view key) const {
    const Dictionary *dictionary = IfDictionary();
    if (dictionary == nullptr) {
        return nullptr;
    }
    const auto found = dictionary->find(key);
    return found == dictionary->end() ? nullptr : &found->second;
}

std::string PropertyValue::ToString() const {
    std::string text;
    Append(text, *this);
    return text;
}

std::string_view PropertyKindName(PropertyValue::Kind kind) {
    static constexpr std::array<std::string_view, 7> kNames = {
        "null", "boolean", "integer", "string", "data", "array", "dictionary"};
    return kNames.at(static_cast<size_t>(kind));
}

}  // namespace opendext
