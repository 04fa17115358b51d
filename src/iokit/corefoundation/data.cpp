// SPDX-License-Identifier: Apache-2.0
#include <CoreFoundation/CFData.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "iokit/corefoundation/object.h"

using opendext::cf::CheckLength;
using opendext::cf::CheckRange;
using opendext::cf::CheckType;
using opendext::cf::ClassInfo;
using opendext::cf::Misuse;
using opendext::cf::Object;

// Bytes of its own, or, if made with NoCopy, the caller's.
struct __CFData : Object {
    using Object::Object;

    [[nodiscard]] const UInt8 *Bytes() const {
        return borrowed != nullptr ? borrowed : bytes.data();
    }
    [[nodiscard]] CFIndex Length() const {
        return borrowed != nullptr ? borrowed_length : static_cast<CFIndex>(bytes.size());
    }

    std::vector<UInt8> bytes;
    CFIndex max_length = 0;  // The most bytes that mutable data may grow to; 0 for no limit.
    const UInt8 *borrowed = nullptr;  // NoCopy: used instead of `bytes`.
    CFIndex borrowed_length = 0;
    bool frees_borrowed = false;
};

namespace {

void DestroyData(const Object *object) {
    const auto *const data = static_cast<const __CFData *>(object);
    if (data->frees_borrowed) {
        std::free(const_cast<UInt8 *>(data->borrowed));
    }
    delete data;
}

bool EqualData(const Object *left_object, const Object *right_object) {
    const auto &left = *static_cast<const __CFData *>(left_object);
    const auto &right = *static_cast<const __CFData *>(right_object);
    return std::equal(left.Bytes(), left.Bytes() + left.Length(), right.Bytes(),
                      right.Bytes() + right.Length());
}

CFHashCode HashData(const Object *object) {
    const auto &data = *static_cast<const __CFData *>(object);
    return opendext::cf::HashBytes(data.Bytes(), static_cast<std::size_t>(data.Length()));
}

std::string DescribeData(const Object *object) {
    constexpr CFIndex kShown = 24;
    const auto &data = *static_cast<const __CFData *>(object);
    std::string text = fmt::format("{{length = {}, bytes = 0x", data.Length());
    for (CFIndex i = 0; i < std::min(data.Length(), kShown); ++i) {
        text += fmt::format("{:02x}", data.Bytes()[i]);
    }
    return text + (data.Length() > kShown ? "...}" : "}");
}

constexpr ClassInfo kDataClass = {
    "CFData", opendext::cf::kTypeData, DestroyData, EqualData, HashData, DescribeData};

__CFData *NewData(const UInt8 *bytes, CFIndex length, std::uint32_t mutability) {
    auto *const data = new __CFData(kDataClass, mutability, 1);
    data->bytes.assign(bytes, bytes + length);
    return data;
}

std::vector<UInt8> &Editable(const char *function, CFMutableDataRef data) {
    CheckType(function, data, CFDataGetTypeID());
    opendext::cf::CheckMutable(function, *data);
    return data->bytes;
}

void CheckGrowth(const char *function, const __CFData &data, CFIndex new_length) {
    CheckLength(function, new_length);
    if (data.max_length != 0 && new_length > data.max_length) {
        Misuse(function, "the data would grow to {} bytes, above its capacity of {}", new_length,
               data.max_length);
    }
}

}  // namespace

CFTypeID CFDataGetTypeID(void) {
    return opendext::cf::kTypeData;
}

CFDataRef CFDataCreate(CFAllocatorRef /*allocator*/, const UInt8 *bytes, CFIndex length) {
    CheckLength(__func__, length);
    return NewData(bytes, length, 0);
}

CFDataRef CFDataCreateWithBytesNoCopy(CFAllocatorRef /*allocator*/, const UInt8 *bytes,
                                      CFIndex length, CFAllocatorRef bytesDeallocator) {
    CheckLength(__func__, length);
    __CFData *const data = NewData(nullptr, 0, 0);
    data->borrowed = bytes;
    data->borrowed_length = length;
    data->frees_borrowed = bytesDeallocator != kCFAllocatorNull;
    return data;
}

CFDataRef CFDataCreateCopy(CFAllocatorRef /*allocator*/, CFDataRef theData) {
    CheckType(__func__, theData, CFDataGetTypeID());
    if ((theData->flags & opendext::cf::kObjectIsMutable) == 0) {
        CFRetain(theData);
        return theData;
    }
    return NewData(theData->Bytes(), theData->Length(), 0);
}

CFMutableDataRef CFDataCreateMutable(CFAllocatorRef /*allocator*/, CFIndex capacity) {
    CheckLength(__func__, capacity);
    __CFData *const data = NewData(nullptr, 0, opendext::cf::kObjectIsMutable);
    data->max_length = capacity;
    return data;
}

CFMutableDataRef CFDataCreateMutableCopy(CFAllocatorRef allocator, CFIndex capacity,
                                         CFDataRef theData) {
    CheckType(__func__, theData, CFDataGetTypeID());
    CFMutableDataRef copy = CFDataCreateMutable(allocator, capacity);
    CheckGrowth(__func__, *copy, theData->Length());
    copy->bytes.assign(theData->Bytes(), theData->Bytes() + theData->Length());
    return copy;
}

CFIndex CFDataGetLength(CFDataRef theData) {
    CheckType(__func__, theData, CFDataGetTypeID());
    return theData->Length();
}

const UInt8 *CFDataGetBytePtr(CFDataRef theData) {
    CheckType(__func__, theData, CFDataGetTypeID());
    return theData->Bytes();
}

UInt8 *CFDataGetMutableBytePtr(CFMutableDataRef theData) {
    return Editable(__func__, theData).data();
}

void CFDataGetBytes(CFDataRef theData, CFRange range, UInt8 *buffer) {
    CheckType(__func__, theData, CFDataGetTypeID());
    CheckRange(__func__, range, theData->Length());
    std::copy_n(theData->Bytes() + range.location, range.length, buffer);
}

void CFDataSetLength(CFMutableDataRef theData, CFIndex length) {
    std::vector<UInt8> &bytes = Editable(__func__, theData);
    CheckGrowth(__func__, *theData, length);
    bytes.resize(static_cast<std::size_t>(length));
}

void CFDataIncreaseLength(CFMutableDataRef theData, CFIndex extraLength) {
    CheckLength(__func__, extraLength);
    CFDataSetLength(theData, CFDataGetLength(theData) + extraLength);
}

void CFDataAppendBytes(CFMutableDataRef theData, const UInt8 *bytes, CFIndex length) {
    CFDataReplaceBytes(theData, CFRangeMake(CFDataGetLength(theData), 0), bytes, length);
}

void CFDataReplaceBytes(CFMutableDataRef theData, CFRange range, const UInt8 *newBytes,
                        CFIndex newLength) {
    std::vector<UInt8> &bytes = Editable(__func__, theData);
    CheckRange(__func__, range, theData->Length());
    CheckLength(__func__, newLength);
    CheckGrowth(__func__, *theData, theData->Length() - range.length + newLength);
    // The new bytes may be the data's own.
    const std::vector<UInt8> inserted(newBytes, newBytes + newLength);
    const auto position =
        bytes.erase(bytes.begin() + range.location, bytes.begin() + range.location + range.length);
    bytes.insert(position, inserted.begin(), inserted.end());
}

void CFDataDeleteBytes(CFMutableDataRef theData, CFRange range) {
    CFDataReplaceBytes(theData, range, nullptr, 0);
}
