// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/OSSerialization.h>

#include <Block.h>

#include <cstdint>
#include <new>
#include <span>
#include <utility>
#include <vector>

#include <DriverKit/IOLib.h>

#include "base/property_list.h"
#include "runtime/object/member_list.h"
#include "runtime/object/property_conversion.h"

using opendext::PropertyValue;
using opendext::object::FromPropertyValue;
using opendext::object::MakeContainer;
using opendext::object::ToPropertyValue;

struct OSSerialization_IVars {
    PropertyValue value;
    std::vector<uint8_t> bytes;  // of createFromObject
    // Of createFromBytes.
    const void *given_bytes = nullptr;
    size_t given_length = 0;
    OSSerializationFreeBufferHandler free_given = nullptr;
};

bool OSSerialization::init() {
    if (!super::init()) {
        return false;
    }
    ivars = new (std::nothrow) OSSerialization_IVars;
    return ivars != nullptr;
}

void OSSerialization::free() {
    if (ivars != nullptr && ivars->free_given != nullptr) {
        ivars->free_given(ivars->given_bytes, ivars->given_length);
        Block_release(ivars->free_given);
    }
    delete std::exchange(ivars, nullptr);
    super::free();
}

OSSerializationPtr OSSerialization::createFromObject(OSObjectPtr const object) {
    if (object == nullptr) {
        return nullptr;
    }
    auto value = ToPropertyValue(object);
    auto bytes = value ? opendext::EncodePropertyValue(*value)
                       : std::unexpected(opendext::PropertyListError{});
    auto *made = bytes ? MakeContainer<OSSerialization>() : nullptr;
    if (made != nullptr) {
        made->ivars->value = *std::move(value);
        made->ivars->bytes = *std::move(bytes);
    }
    return made;
}

OSSerializationPtr OSSerialization::createFromBytes(const void *bytes, size_t length,
                                                    OSSerializationFreeBufferHandler freeBuffer) {
    auto *made = bytes != nullptr ? MakeContainer<OSSerialization>() : nullptr;
    if (made == nullptr) {
        if (freeBuffer != nullptr) {
            freeBuffer(bytes, length);
        }
        return nullptr;
    }
    made->ivars->given_bytes = bytes;
    made->ivars->given_length = length;
    if (freeBuffer != nullptr) {
        made->ivars->free_given = Block_copy(freeBuffer);
    }
    auto value =
        opendext::DecodePropertyValue(std::span(static_cast<const uint8_t *>(bytes), length));
    if (!value) {
        made->release();
        return nullptr;
    }
    made->ivars->value = *std::move(value);
    return made;
}

const void *OSSerialization::finalizeBuffer(size_t *length) {
    const bool is_given = ivars->given_bytes != nullptr;
    if (length != nullptr) {
        *length = is_given ? ivars->given_length : ivars->bytes.size();
    }
    return is_given ? ivars->given_bytes : ivars->bytes.data();
}

OSObjectPtr OSSerialization::copyObject() {
    return FromPropertyValue(ivars->value);
}

void OSSerialization::freeBuffer(const void *buffer, size_t length) {
    IOFree(const_cast<void *>(buffer), length);
}

OSSerializationPtr OSCreateSerializationFromObject(OSObjectPtr object) {
    return OSSerialization::createFromObject(object);
}

OSSerializationPtr OSCreateSerializationFromBytes(const void *bytes, size_t length,
                                                  OSSerializationFreeBufferHandler freeBuffer) {
    return OSSerialization::createFromBytes(bytes, length, freeBuffer);
}

OSObjectPtr OSCreateObjectFromSerialization(OSSerializationPtr serialization) {
    return serialization != nullptr ? serialization->copyObject() : nullptr;
}

const void *OSSerializationGetBytes(OSSerializationPtr serialization, size_t *length) {
    return serialization != nullptr ? serialization->finalizeBuffer(length) : nullptr;
}
