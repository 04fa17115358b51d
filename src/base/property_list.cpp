// SPDX-License-Identifier: Apache-2.0
#include "base/property_list.h"

#include <fcntl.h>
#include <plist/plist.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "base/property_list_check.h"
#include "base/unique_fd.h"

namespace opendext {
namespace {

constexpr std::string_view kBinaryMagic = "bplist00";
constexpr std::string_view kUtf8ByteOrderMark = "\xEF\xBB\xBF";

// Keys of the one-key dictionaries that stand for what property lists do not have.
constexpr const char *kNullKey = "$null";
constexpr const char *kInteger8Key = "$integer8";
constexpr const char *kInteger16Key = "$integer16";
constexpr const char *kInteger32Key = "$integer32";
constexpr const char *kBytesKey = "$bytes";

using PlistNode = std::unique_ptr<void, decltype(&plist_free)>;

struct FreeDeleter {
    void operator()(void *memory) const { std::free(memory); }
};
using MallocString = std::unique_ptr<char, FreeDeleter>;

std::unexpected<PropertyListError> Failure(std::string message) {
    return std::unexpected(PropertyListError{.message = std::move(message)});
}

// --- From libplist to values ---

using ReadResult = std::expected<PropertyValue, PropertyListError>;

ReadResult FromNode(plist_t node);

PropertyValue FromReal(plist_t node) {
    double value = 0;
    plist_get_real_val(node, &value);
    const double limit = std::ldexp(1.0, 63);
    if (std::isnan(value)) {
        return PropertyValue::FromInteger(0);
    }
    const double clamped = std::clamp(value, -limit, std::nextafter(limit, 0));
    return PropertyValue::FromInteger(static_cast<uint64_t>(static_cast<int64_t>(clamped)));
}

PropertyValue FromData(plist_t node) {
    uint64_t num_bytes = 0;
    const char *bytes = plist_get_data_ptr(node, &num_bytes);
    return PropertyValue::Data(bytes, bytes + (bytes == nullptr ? 0 : num_bytes));
}

ReadResult FromArray(plist_t node) {
    PropertyValue::Array array;
    array.reserve(plist_array_get_size(node));
    plist_array_iter raw_iterator = nullptr;
    plist_array_new_iter(node, &raw_iterator);
    const std::unique_ptr<void, FreeDeleter> iterator(raw_iterator);
    plist_t item = nullptr;
    for (plist_array_next_item(node, raw_iterator, &item); item != nullptr;
         plist_array_next_item(node, raw_iterator, &item)) {
        ReadResult value = FromNode(item);
        if (!value) {
            return value;
        }
        array.push_back(*std::move(value));
    }
    return array;
}

ReadResult FromDictionary(plist_t node) {
    PropertyValue::Dictionary dictionary;
    plist_dict_iter raw_iterator = nullptr;
    plist_dict_new_iter(node, &raw_iterator);
    const std::unique_ptr<void, FreeDeleter> iterator(raw_iterator);
    while (true) {
        char *raw_key = nullptr;
        plist_t item = nullptr;
        plist_dict_next_item(node, raw_iterator, &raw_key, &item);
        const MallocString key(raw_key);
        if (item == nullptr || key == nullptr) {
            return dictionary;
        }
        ReadResult value = FromNode(item);
        if (!value) {
            return Failure(fmt::format("{}: {}", key.get(), value.error().message));
        }
        dictionary.insert_or_assign(key.get(), *std::move(value));
    }
}

// The depth is bounded: the list was checked.
ReadResult FromNode(plist_t node) {
    switch (plist_get_node_type(node)) {
        case PLIST_BOOLEAN: {
            uint8_t value = 0;
            plist_get_bool_val(node, &value);
            return value != 0;
        }
        case PLIST_UINT: {
            uint64_t value = 0;
            plist_get_uint_val(node, &value);
            return PropertyValue::FromInteger(value);
        }
        case PLIST_REAL:
            return FromReal(node);
        case PLIST_STRING: {
            uint64_t num_bytes = 0;
            const char *text = plist_get_string_ptr(node, &num_bytes);
            return std::string(text == nullptr ? "" : text, num_bytes);
        }
        case PLIST_DATA:
            return FromData(node);
        case PLIST_ARRAY:
            return FromArray(node);
        case PLIST_DICT:
            return FromDictionary(node);
        case PLIST_DATE:
            return Failure("a date has no meaning to a driver; use a string or an integer");
        default:
            return Failure(
                "a value that is not a boolean, integer, string, data, array or dictionary");
    }
}

ReadResult ReadChecked(std::string_view text, bool is_binary) {
    plist_t root = nullptr;
    const auto num_bytes = static_cast<uint32_t>(text.size());
    if (is_binary) {
        plist_from_bin(text.data(), num_bytes, &root);
    } else {
        plist_from_xml(text.data(), num_bytes, &root);
    }
    const PlistNode owner(root, plist_free);
    if (root == nullptr) {
        return Failure("not a property list that libplist can read");
    }
    return FromNode(root);
}

// --- From values to libplist ---

using WriteResult = std::expected<PlistNode, PropertyListError>;

bool IsTag(std::string_view key) {
    return key == kNullKey || key == kInteger8Key || key == kInteger16Key || key == kInteger32Key ||
           key == kBytesKey;
}

// Bytes of the UTF-8 sequence at the start of `text`, or 0 when it is none (overlong, surrogate, too high).
size_t Utf8SequenceLength(std::string_view text) {
    const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
    const uint8_t first = byte(0);
    if (first < 0x80) {
        return 1;
    }
    const size_t length = first >= 0xF0 ? 4 : (first >= 0xE0 ? 3 : 2);
    if (first < 0xC2 || first > 0xF4 || text.size() < length) {
        return 0;
    }
    for (size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xC0) != 0x80) {
            return 0;
        }
    }
    const bool is_overlong = (first == 0xE0 && byte(1) < 0xA0) || (first == 0xF0 && byte(1) < 0x90);
    const bool is_surrogate = first == 0xED && byte(1) >= 0xA0;
    const bool is_too_high = first == 0xF4 && byte(1) >= 0x90;
    return is_overlong || is_surrogate || is_too_high ? 0 : length;
}

bool IsPlainText(std::string_view text) {
    while (!text.empty()) {
        const size_t length = text.front() == '\0' ? 0 : Utf8SequenceLength(text);
        if (length == 0) {
            return false;
        }
        text.remove_prefix(length);
    }
    return true;
}

plist_t NewData(const void *bytes, size_t num_bytes) {
    // libplist copies from the pointer even when there is nothing to copy.
    return plist_new_data(num_bytes == 0 ? "" : static_cast<const char *>(bytes), num_bytes);
}

class NodeWriter {
public:
    explicit NodeWriter(const PropertyListLimits &limits) : limits_(limits) {}

    WriteResult Write(const PropertyValue &value, size_t depth);

private:
    static plist_t NewTagged(const char *tag, plist_t contents) {
        plist_t dictionary = plist_new_dict();
        plist_dict_set_item(dictionary, tag, contents);
        return dictionary;
    }
    static plist_t NewInteger(const PropertyValue::Integer &integer);
    static plist_t NewString(const std::string &text);
    static plist_t NewScalar(const PropertyValue &value);
    std::expected<void, PropertyListError> Account(const PropertyValue &value, size_t depth);
    WriteResult WriteArray(const PropertyValue::Array &array, size_t depth);
    WriteResult WriteDictionary(const PropertyValue::Dictionary &dictionary, size_t depth);

    const PropertyListLimits &limits_;
    size_t num_values_ = 0;
    size_t num_payload_bytes_ = 0;
};

plist_t NodeWriter::NewInteger(const PropertyValue::Integer &integer) {
    plist_t number = plist_new_uint(integer.value);
    switch (integer.num_bits) {
        case 8:
            return NewTagged(kInteger8Key, number);
        case 16:
            return NewTagged(kInteger16Key, number);
        case 32:
            return NewTagged(kInteger32Key, number);
        default:
            return number;
    }
}

plist_t NodeWriter::NewString(const std::string &text) {
    if (IsPlainText(text)) {
        return plist_new_string(text.c_str());
    }
    return NewTagged(kBytesKey, NewData(text.data(), text.size()));
}

plist_t NodeWriter::NewScalar(const PropertyValue &value) {
    if (const bool *boolean = value.IfBool()) {
        return plist_new_bool(*boolean ? 1 : 0);
    }
    if (const PropertyValue::Integer *integer = value.IfInteger()) {
        return NewInteger(*integer);
    }
    if (const std::string *text = value.IfString()) {
        return NewString(*text);
    }
    if (const PropertyValue::Data *data = value.IfData()) {
        return NewData(data->data(), data->size());
    }
    return NewTagged(kNullKey, plist_new_bool(1));
}

std::expected<void, PropertyListError> NodeWriter::Account(const PropertyValue &value,
                                                           size_t depth) {
    num_payload_bytes_ += value.IfString() != nullptr ? value.IfString()->size() : 0;
    num_payload_bytes_ += value.IfData() != nullptr ? value.IfData()->size() : 0;
    if (depth >= limits_.max_depth &&
        (value.IfArray() != nullptr || value.IfDictionary() != nullptr)) {
        return Failure(fmt::format("nested deeper than {} levels", limits_.max_depth));
    }
    if (++num_values_ > limits_.max_num_values) {
        return Failure(fmt::format("more than {} values", limits_.max_num_values));
    }
    if (num_payload_bytes_ > limits_.max_num_bytes) {
        return Failure(
            fmt::format("more than {} bytes of strings and data", limits_.max_num_bytes));
    }
    return {};
}

WriteResult NodeWriter::WriteArray(const PropertyValue::Array &array, size_t depth) {
    PlistNode node(plist_new_array(), plist_free);
    for (const PropertyValue &element : array) {
        WriteResult item = Write(element, depth + 1);
        if (!item) {
            return item;
        }
        plist_array_append_item(node.get(), item->release());
    }
    return node;
}

WriteResult NodeWriter::WriteDictionary(const PropertyValue::Dictionary &dictionary, size_t depth) {
    PlistNode node(plist_new_dict(), plist_free);
    for (const auto &[key, element] : dictionary) {
        if (!IsPlainText(key)) {
            return Failure("a key that is not UTF-8, or has a NUL in it");
        }
        if (dictionary.size() == 1 && IsTag(key)) {
            return Failure(fmt::format("the key \"{}\" is reserved", key));
        }
        num_payload_bytes_ += key.size();
        ++num_values_;
        WriteResult item = Write(element, depth + 1);
        if (!item) {
            return item;
        }
        plist_dict_set_item(node.get(), key.c_str(), item->release());
    }
    return node;
}

WriteResult NodeWriter::Write(const PropertyValue &value, size_t depth) {
    if (auto status = Account(value, depth); !status) {
        return std::unexpected(std::move(status).error());
    }
    if (const PropertyValue::Array *array = value.IfArray()) {
        return WriteArray(*array, depth);
    }
    if (const PropertyValue::Dictionary *dictionary = value.IfDictionary()) {
        return WriteDictionary(*dictionary, depth);
    }
    return PlistNode(NewScalar(value), plist_free);
}

// --- Tags ---

// What the one-key dictionary {key: contents} stands for, or nullopt when it is just that.
std::optional<PropertyValue> FromTag(std::string_view key, const PropertyValue &contents) {
    if (key == kNullKey) {
        return PropertyValue();
    }
    if (key == kBytesKey && contents.IfData() != nullptr) {
        const PropertyValue::Data &bytes = *contents.IfData();
        return PropertyValue(std::string(bytes.begin(), bytes.end()));
    }
    if (contents.IfInteger() == nullptr) {
        return std::nullopt;
    }
    const uint64_t number = contents.IfInteger()->value;
    if (key == kInteger8Key) {
        return PropertyValue::FromInteger(number, 8);
    }
    if (key == kInteger16Key) {
        return PropertyValue::FromInteger(number, 16);
    }
    if (key == kInteger32Key) {
        return PropertyValue::FromInteger(number, 32);
    }
    return std::nullopt;
}

void ResolveTags(PropertyValue &value) {
    if (PropertyValue::Array *array = value.IfArray()) {
        std::ranges::for_each(*array, ResolveTags);
    } else if (PropertyValue::Dictionary *dictionary = value.IfDictionary()) {
        for (auto &[key, element] : *dictionary) {
            ResolveTags(element);
        }
        if (dictionary->size() == 1) {
            const auto &[key, contents] = *dictionary->begin();
            if (std::optional<PropertyValue> meant = FromTag(key, contents)) {
                value = *std::move(meant);
            }
        }
    }
}

PropertyListLimits WithRoomForTags(PropertyListLimits limits) {
    limits.max_num_bytes *= 2;
    limits.max_num_values *= 3;
    limits.max_depth += 1;
    return limits;
}

}  // namespace

std::string PropertyListError::ToString(std::string_view name) const {
    if (line > 0) {
        return fmt::format("{}:{}: error: {}", name, line, message);
    }
    return fmt::format("{}: error: {}", name, message);
}

std::expected<PropertyValue, PropertyListError> ReadPropertyList(std::string_view text,
                                                                 const PropertyListLimits &limits) {
    // libplist counts in 32 bits, libxml2 in int.
    const size_t max_num_bytes =
        std::min<size_t>(limits.max_num_bytes, std::numeric_limits<int32_t>::max());
    if (text.size() > max_num_bytes) {
        return Failure(fmt::format("more than {} bytes", max_num_bytes));
    }
    const bool is_binary = text.starts_with(kBinaryMagic);
    if (text.starts_with(kUtf8ByteOrderMark)) {
        text.remove_prefix(kUtf8ByteOrderMark.size());
    }
    const auto status =
        is_binary ? CheckBinaryPropertyList(text, limits) : CheckXmlPropertyList(text, limits);
    if (!status) {
        return std::unexpected(status.error());
    }
    return ReadChecked(text, is_binary);
}

std::expected<PropertyValue, PropertyListError> ReadPropertyListFile(
    const std::filesystem::path &path, const PropertyListLimits &limits) {
    const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    std::string text;
    ssize_t num_read = file ? 1 : -1;
    while (num_read > 0 && text.size() <= limits.max_num_bytes) {
        std::array<char, 16384> chunk;
        num_read = ::read(file.get(), chunk.data(), chunk.size());
        text.append(chunk.data(), num_read > 0 ? static_cast<size_t>(num_read) : 0);
    }
    if (num_read < 0) {
        return Failure(fmt::format("cannot be read: {}", std::generic_category().message(errno)));
    }
    return ReadPropertyList(text, limits);
}

std::expected<std::vector<uint8_t>, PropertyListError> EncodePropertyValue(
    const PropertyValue &value, const PropertyListLimits &limits) {
    const WriteResult root = NodeWriter(limits).Write(value, 0);
    if (!root) {
        return std::unexpected(root.error());
    }
    char *raw_bytes = nullptr;
    uint32_t num_bytes = 0;
    plist_to_bin(root->get(), &raw_bytes, &num_bytes);
    const MallocString bytes(raw_bytes);
    if (bytes == nullptr) {
        return Failure("libplist cannot write the value");
    }
    return std::vector<uint8_t>(raw_bytes, raw_bytes + num_bytes);
}

std::expected<PropertyValue, PropertyListError> DecodePropertyValue(
    std::span<const uint8_t> bytes, const PropertyListLimits &limits) {
    const std::string_view text(reinterpret_cast<const char *>(bytes.data()), bytes.size());
    if (!text.starts_with(kBinaryMagic)) {
        return Failure("not an encoded property value");
    }
    auto value = ReadPropertyList(text, WithRoomForTags(limits));
    if (value) {
        ResolveTags(*value);
    }
    return value;
}

}  // namespace opendext
