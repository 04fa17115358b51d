// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/OSData.h>
#include <DriverKit/OSString.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <vector>

#include "base/checked.h"
#include "runtime/object/member_list.h"

struct OSData_IVars {
    std::vector<uint8_t> bytes;
    // The caller's own bytes, and not ours to change or grow.
    const uint8_t *borrowed = nullptr;
    size_t borrowed_length = 0;

    [[nodiscard]] const uint8_t *Start() const {
        return borrowed != nullptr ? borrowed : bytes.data();
    }
    [[nodiscard]] size_t Length() const {
        return borrowed != nullptr ? borrowed_length : bytes.size();
    }
};

using opendext::object::MakeContainer;

bool OSData::init() {
    if (!super::init()) {
        return false;
    }
    ivars = new (std::nothrow) OSData_IVars;
    return ivars != nullptr;
}

void OSData::free() {
    delete ivars;
    ivars = nullptr;
    super::free();
}

OSData *OSData::withCapacity(uint32_t capacity) {
    auto *data = MakeContainer<OSData>();
    if (data != nullptr) {
        data->ensureCapacity(capacity);
    }
    return data;
}

OSData *OSData::withBytes(const void *bytes, size_t length) {
    auto *data = MakeContainer<OSData>();
    if (data != nullptr && !data->appendBytes(bytes, length)) {
        data->release();
        return nullptr;
    }
    return data;
}

OSData *OSData::withBytesNoCopy(void *bytes, size_t length) {
    auto *data = MakeContainer<OSData>();
    if (data != nullptr) {
        data->ivars->borrowed = static_cast<const uint8_t *>(bytes);
        data->ivars->borrowed_length = length;
    }
    return data;
}

OSData *OSData::withData(const OSData *data) {
    return data != nullptr ? withBytes(data->ivars->Start(), data->ivars->Length()) : nullptr;
}

OSData *OSData::withData(const OSData *data, size_t start, size_t length) {
    if (data == nullptr || !opendext::RangeIsWithin(start, length, data->getLength())) {
        return nullptr;
    }
    return withBytes(data->ivars->Start() + start, length);
}

size_t OSData::getLength() const {
    return ivars->Length();
}

size_t OSData::getCapacity() const {
    return ivars->borrowed != nullptr ? ivars->borrowed_length : ivars->bytes.capacity();
}

size_t OSData::ensureCapacity(size_t newCapacity) {
    if (ivars->borrowed == nullptr && newCapacity <= ivars->bytes.max_size()) {
        ivars->bytes.reserve(newCapacity);
    }
    return getCapacity();
}

bool OSData::appendBytes(const void *bytes, size_t length) {
    if (ivars->borrowed != nullptr || length > ivars->bytes.max_size() - ivars->bytes.size()) {
        return false;
    }
    if (bytes == nullptr) {
        ivars->bytes.resize(ivars->bytes.size() + length);
        return true;
    }
    const auto *start = static_cast<const uint8_t *>(bytes);
    if (start >= ivars->bytes.data() && start < ivars->bytes.data() + ivars->bytes.size()) {
        // Its own bytes move while it grows.
        const std::vector<uint8_t> copy(start, start + length);
        ivars->bytes.insert(ivars->bytes.end(), copy.begin(), copy.end());
        return true;
    }
    ivars->bytes.insert(ivars->bytes.end(), start, start + length);
    return true;
}

bool OSData::appendBytes(const OSData *data) {
    return data != nullptr &&
           (data->getLength() == 0 || appendBytes(data->ivars->Start(), data->getLength()));
}

const void *OSData::getBytesNoCopy() const {
    return getLength() != 0 ? ivars->Start() : nullptr;
}

const void *OSData::getBytesNoCopy(size_t start, size_t length) const {
    if (length == 0 || !opendext::RangeIsWithin(start, length, getLength())) {
        return nullptr;
    }
    return ivars->Start() + start;
}

bool OSData::isEqualTo(const OSMetaClassBase *object) const {
    if (const auto *data = OSDynamicCast(OSData, object)) {
        return isEqualTo(data);
    }
    const auto *string = OSDynamicCast(OSString, object);
    return string != nullptr && isEqualTo(string);
}

bool OSData::isEqualTo(const OSData *data) const {
    return data != nullptr && isEqualTo(data->ivars->Start(), data->getLength());
}

bool OSData::isEqualTo(const void *bytes, size_t length) const {
    return length == getLength() &&
           (length == 0 || (bytes != nullptr && std::memcmp(ivars->Start(), bytes, length) == 0));
}

bool OSData::isEqualTo(const OSString *string) const {
    if (string == nullptr) {
        return false;
    }
    const size_t length = string->getLength();
    return isEqualTo(string->getCStringNoCopy(), length) ||
           isEqualTo(string->getCStringNoCopy(), length + 1);
}

OSDataPtr OSDataCreate(const void *bytes, size_t length) {
    return OSData::withBytes(bytes, length);
}

size_t OSDataGetLength(OSDataPtr data) {
    return data != nullptr ? data->getLength() : 0;
}

const void *OSDataGetBytesPtr(OSDataPtr data, size_t offset, size_t length) {
    return data != nullptr ? data->getBytesNoCopy(offset, length) : nullptr;
}

size_t OSDataGetBytes(OSDataPtr data, void *buffer, size_t offset, size_t length) {
    if (data == nullptr || buffer == nullptr || offset >= data->getLength()) {
        return 0;
    }
    const size_t copied = std::min(length, data->getLength() - offset);
    if (copied != 0) {
        std::memcpy(buffer, data->getBytesNoCopy(offset, copied), copied);
    }
    return copied;
}

bool OSDataAppendBytes(OSDataPtr data, const void *bytes, size_t length) {
    return data != nullptr && data->appendBytes(bytes, length);
}
