// SPDX-License-Identifier: Apache-2.0
/// @file bytes.h
/// Views of bytes in this process: an address and a size.
#ifndef OPENDEXT_TOOLKIT_BYTES_H
#define OPENDEXT_TOOLKIT_BYTES_H

#include <stddef.h>
#include <stdint.h>

#include <DriverKit/IOBufferMemoryDescriptor.h>
#include <DriverKit/IOReturn.h>
#include <DriverKit/OSData.h>

namespace opendext::toolkit {

/// Bytes to read and write. Borrowed: valid as long as what they were taken from.
struct Bytes {
    uint8_t *data = nullptr;
    size_t size = 0;

    constexpr Bytes() = default;
    /// `num_bytes` from `start`; NULL with 0.
    Bytes(void *start, size_t num_bytes) : data(static_cast<uint8_t *>(start)), size(num_bytes) {}

    [[nodiscard]] constexpr bool empty() const { return size == 0; }
};

/// Bytes to read. Borrowed: valid as long as what they were taken from.
struct ConstBytes {
    const uint8_t *data = nullptr;
    size_t size = 0;

    constexpr ConstBytes() = default;
    /// `num_bytes` from `start`; NULL with 0.
    ConstBytes(const void *start, size_t num_bytes)
        : data(static_cast<const uint8_t *>(start)), size(num_bytes) {}
    /// What may be written may be read.
    constexpr ConstBytes(Bytes bytes) : data(bytes.data), size(bytes.size) {}

    [[nodiscard]] constexpr bool empty() const { return size == 0; }
};

/// Whether `length` bytes from `offset` are inside something of `size` bytes. Nothing overflows.
[[nodiscard]] constexpr bool RangeIsWithin(uint64_t offset, uint64_t length, uint64_t size) {
    return offset <= size && length <= size - offset;
}

/// The bytes of `data`, valid until it is changed or freed; none for NULL.
[[nodiscard]] inline ConstBytes BytesOf(const OSData *data) {
    return data != nullptr ? ConstBytes(data->getBytesNoCopy(), data->getLength()) : ConstBytes();
}

/// The memory of a buffer of this process, valid as long as the buffer, whatever its length is.
/// @param bytes receives the address and the capacity; none after an error.
/// @return kIOReturnSuccess; kIOReturnBadArgument for NULL; else GetAddressRange's error.
[[nodiscard]] inline kern_return_t BytesOf(IOBufferMemoryDescriptor *buffer, Bytes *bytes) {
    *bytes = Bytes();
    if (buffer == nullptr) {
        return kIOReturnBadArgument;
    }
    IOAddressSegment range = {};
    const kern_return_t ret = buffer->GetAddressRange(&range);
    if (ret == kIOReturnSuccess) {
        *bytes = Bytes(reinterpret_cast<void *>(static_cast<uintptr_t>(range.address)),
                       static_cast<size_t>(range.length));
    }
    return ret;
}

}  // namespace opendext::toolkit

#endif
