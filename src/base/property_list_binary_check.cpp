// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "base/checked.h"
#include "base/property_list_check.h"

namespace opendext {
namespace {

// The file: "bplist00", objects, a table of object offsets, and this trailer, all numbers big endian:
// 6 bytes of padding, bytes of an offset, bytes of a reference, count of objects, root, table's offset.
constexpr size_t kHeaderSize = 8;
constexpr size_t kTrailerSize = 32;

// High nibble of an object's first byte.
enum Marker : uint8_t {
    kSimple = 0x0,
    kInteger = 0x1,
    kReal = 0x2,
    kDate = 0x3,
    kData = 0x4,
    kAscii = 0x5,
    kUtf16 = 0x6,
    kUid = 0x8,
    kArray = 0xA,
    kDictionary = 0xD,
};

struct Object {
    uint64_t contents_offset = 0;  // Of the first byte after marker and count.
    uint64_t count = 0;            // Elements, pairs, characters or bytes.
    uint8_t marker = 0;
};

class BinaryTreeWalk {
public:
    BinaryTreeWalk(std::string_view bytes, const PropertyListLimits &limits)
        : bytes_(bytes), limits_(limits) {}

    std::expected<void, PropertyListError> Run();

private:
    struct Visit {
        uint64_t object_index;
        size_t depth;
        bool is_key;
    };

    // Which object is broken, for the message.
    static std::unexpected<PropertyListError> Broken(std::string_view what, uint64_t index) {
        return std::unexpected(PropertyListError{
            .message = fmt::format("binary property list: {} (object {})", what, index)});
    }

    std::optional<uint64_t> ReadBigEndian(uint64_t offset, uint64_t num_bytes) const;
    bool ReadTrailer();
    std::optional<Object> ReadObject(uint64_t index) const;
    std::expected<void, PropertyListError> VisitScalar(const Object &object, uint64_t index);
    std::expected<void, PropertyListError> VisitKey(const Object &object, uint64_t index);
    std::expected<void, PropertyListError> VisitObject(const Object &object, const Visit &visit);
    std::expected<void, PropertyListError> VisitContainer(const Object &object, const Visit &visit);

    std::string_view bytes_;
    const PropertyListLimits &limits_;
    uint64_t offset_size_ = 0;
    uint64_t reference_size_ = 0;
    uint64_t num_objects_ = 0;
    uint64_t root_ = 0;
    uint64_t table_offset_ = 0;

    std::vector<Visit> pending_;
    size_t num_values_ = 1;
    uint64_t num_payload_bytes_ = 0;
};

std::optional<uint64_t> BinaryTreeWalk::ReadBigEndian(uint64_t offset, uint64_t num_bytes) const {
    if (num_bytes > sizeof(uint64_t) ||
        !RangeIsWithin(offset, num_bytes, uint64_t{bytes_.size()})) {
        return std::nullopt;
    }
    uint64_t value = 0;
    for (const char c : bytes_.substr(offset, num_bytes)) {
        value = value << 8 | static_cast<uint8_t>(c);
    }
    return value;
}

bool BinaryTreeWalk::ReadTrailer() {
    if (bytes_.size() < kHeaderSize + kTrailerSize) {
        return false;
    }
    const uint64_t trailer = bytes_.size() - kTrailerSize;
    offset_size_ = *ReadBigEndian(trailer + 6, 1);
    reference_size_ = *ReadBigEndian(trailer + 7, 1);
    num_objects_ = *ReadBigEndian(trailer + 8, 8);
    root_ = *ReadBigEndian(trailer + 16, 8);
    table_offset_ = *ReadBigEndian(trailer + 24, 8);
    const auto table_size = CheckedMultiply(num_objects_, offset_size_);
    return offset_size_ >= 1 && offset_size_ <= 8 && reference_size_ >= 1 && reference_size_ <= 8 &&
           root_ < num_objects_ && table_size && RangeIsWithin(table_offset_, *table_size, trailer);
}

std::optional<Object> BinaryTreeWalk::ReadObject(uint64_t index) const {
    if (index >= num_objects_) {
        return std::nullopt;
    }
    // ReadTrailer made sure that the table fits.
    const auto offset = ReadBigEndian(table_offset_ + index * offset_size_, offset_size_);
    const auto first = offset ? ReadBigEndian(*offset, 1) : std::nullopt;
    if (!first) {
        return std::nullopt;
    }
    Object object{.contents_offset = *offset + 1,
                  .count = *first & 0xF,
                  .marker = static_cast<uint8_t>(*first >> 4)};
    const bool is_counted = object.marker >= kData && object.marker != kUid;
    if (is_counted && object.count == 0xF) {
        // A long count is an integer object in place: 0x1n, then 2^n bytes.
        const auto size_marker = ReadBigEndian(object.contents_offset, 1);
        if (!size_marker || *size_marker < 0x10 || *size_marker > 0x13) {
            return std::nullopt;
        }
        const uint64_t count_size = uint64_t{1} << (*size_marker & 0x3);
        const auto count = ReadBigEndian(object.contents_offset + 1, count_size);
        if (!count) {
            return std::nullopt;
        }
        object.count = *count;
        object.contents_offset += 1 + count_size;
    }
    return object;
}

std::expected<void, PropertyListError> BinaryTreeWalk::VisitScalar(const Object &object,
                                                                   uint64_t index) {
    std::optional<uint64_t> num_bytes;
    switch (object.marker) {
        case kSimple:
            num_bytes = 0;
            break;
        case kInteger:
        case kReal:
        case kDate:
            if (object.count > 4) {
                return Broken("a number of unknown size", index);
            }
            num_bytes = uint64_t{1} << object.count;
            break;
        case kUid:
            num_bytes = object.count + 1;
            break;
        case kData:
        case kAscii:
            num_bytes = object.count;
            break;
        case kUtf16:
            num_bytes = CheckedMultiply(object.count, 2);
            break;
        default:
            return Broken(fmt::format("unknown type {:#x}", object.marker), index);
    }
    if (!num_bytes || !RangeIsWithin(object.contents_offset, *num_bytes, uint64_t{bytes_.size()})) {
        return Broken("contents beyond the end", index);
    }
    num_payload_bytes_ += *num_bytes;
    if (num_payload_bytes_ > limits_.max_num_bytes) {
        return Broken(fmt::format("more than {} bytes of strings and data", limits_.max_num_bytes),
                      index);
    }
    return {};
}

std::expected<void, PropertyListError> BinaryTreeWalk::VisitContainer(const Object &object,
                                                                      const Visit &visit) {
    if (visit.depth >= limits_.max_depth) {
        return Broken(fmt::format("nested deeper than {} levels", limits_.max_depth),
                      visit.object_index);
    }
    const uint64_t references_per_element = object.marker == kDictionary ? 2 : 1;
    const auto num_references = CheckedMultiply(object.count, references_per_element);
    if (!num_references || *num_references > limits_.max_num_values - num_values_) {
        return Broken(fmt::format("more than {} values", limits_.max_num_values),
                      visit.object_index);
    }
    num_values_ += *num_references;
    for (uint64_t i = 0; i < *num_references; ++i) {
        const auto child =
            ReadBigEndian(object.contents_offset + i * reference_size_, reference_size_);
        if (!child) {
            return Broken("contents beyond the end", visit.object_index);
        }
        // In a dictionary, the references to all keys come before those to the values.
        const bool is_key = object.marker == kDictionary && i < object.count;
        pending_.push_back({.object_index = *child, .depth = visit.depth + 1, .is_key = is_key});
    }
    return {};
}

std::expected<void, PropertyListError> BinaryTreeWalk::VisitKey(const Object &object,
                                                                uint64_t index) {
    if (object.marker != kAscii && object.marker != kUtf16) {
        return Broken("a dictionary key that is not a string", index);
    }
    auto status = VisitScalar(object, index);
    if (!status) {
        return status;
    }
    // libplist ends the process on a key whose length is not that of the C string.
    const uint64_t character_size = object.marker == kUtf16 ? 2 : 1;
    for (uint64_t i = 0; i < object.count; ++i) {
        const uint64_t offset = object.contents_offset + i * character_size;
        if (ReadBigEndian(offset, character_size) == 0) {
            return Broken("a dictionary key with a NUL in it", index);
        }
    }
    return {};
}

std::expected<void, PropertyListError> BinaryTreeWalk::VisitObject(const Object &object,
                                                                   const Visit &visit) {
    if (visit.is_key) {
        return VisitKey(object, visit.object_index);
    }
    if (object.marker == kArray || object.marker == kDictionary) {
        return VisitContainer(object, visit);
    }
    return VisitScalar(object, visit.object_index);
}

std::expected<void, PropertyListError> BinaryTreeWalk::Run() {
    if (!ReadTrailer()) {
        return Broken("the trailer does not fit the file; it is cut short or damaged", 0);
    }
    pending_.push_back({.object_index = root_, .depth = 0, .is_key = false});
    while (!pending_.empty()) {
        const Visit visit = pending_.back();
        pending_.pop_back();
        const auto object = ReadObject(visit.object_index);
        if (!object) {
            return Broken("no such object", visit.object_index);
        }
        const auto status = VisitObject(*object, visit);
        if (!status) {
            return status;
        }
    }
    return {};
}

}  // namespace

std::expected<void, PropertyListError> CheckBinaryPropertyList(std::string_view bytes,
                                                               const PropertyListLimits &limits) {
    return BinaryTreeWalk(bytes, limits).Run();
}

}  // namespace opendext
