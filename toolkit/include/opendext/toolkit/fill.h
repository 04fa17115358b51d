// SPDX-License-Identifier: Apache-2.0
/// @file fill.h
/// Bytes into a memory descriptor, with its length set.
#ifndef OPENDEXT_TOOLKIT_FILL_H
#define OPENDEXT_TOOLKIT_FILL_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <DriverKit/IOBufferMemoryDescriptor.h>
#include <DriverKit/IOReturn.h>
#include <DriverKit/OSData.h>
#include <DriverKit/OSSharedPtr.h>

#include <opendext/toolkit/bytes.h>

namespace opendext::toolkit {

/// Copies `bytes` to the start of `buffer` and makes their number its length. The rest of the buffer keeps its
/// contents. Any thread; the caller sees to it that nobody else uses the buffer meanwhile.
/// @return kIOReturnSuccess; kIOReturnNoSpace when they are more than its capacity: nothing is changed then;
///         kIOReturnBadArgument for a NULL buffer; else the error of GetAddressRange or SetLength.
[[nodiscard]] inline kern_return_t Fill(IOBufferMemoryDescriptor *buffer, ConstBytes bytes) {
    Bytes room;
    kern_return_t ret = BytesOf(buffer, &room);
    // Apple does not say whether the range shrinks with the length. More than the capacity changes nothing.
    if (ret == kIOReturnSuccess && bytes.size > room.size) {
        ret = buffer->SetLength(bytes.size);
        ret = ret == kIOReturnSuccess ? BytesOf(buffer, &room) : ret;
    }
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    if (bytes.size > room.size) {
        return kIOReturnNoSpace;
    }
    if (!bytes.empty()) {
        memcpy(room.data, bytes.data, bytes.size);
    }
    return buffer->SetLength(bytes.size);
}

/// As above, with the bytes of `data`; kIOReturnBadArgument also when it is NULL.
[[nodiscard]] inline kern_return_t Fill(IOBufferMemoryDescriptor *buffer, const OSData *data) {
    return data != nullptr ? Fill(buffer, BytesOf(data)) : kIOReturnBadArgument;
}

/// A new buffer that holds `bytes`: its capacity and its length are their number.
/// @param direction kIOMemoryDirection* bits.
/// @param buffer receives the buffer; empty after an error.
/// @return kIOReturnSuccess; kIOReturnBadArgument when there are no bytes; else the error of
///         IOBufferMemoryDescriptor::Create or GetAddressRange.
[[nodiscard]] inline kern_return_t CreateFilled(uint64_t direction, ConstBytes bytes,
                                                OSSharedPtr<IOBufferMemoryDescriptor> *buffer) {
    buffer->reset();
    if (bytes.empty()) {
        return kIOReturnBadArgument;
    }
    IOBufferMemoryDescriptor *created = nullptr;
    kern_return_t ret = IOBufferMemoryDescriptor::Create(direction, bytes.size, 0, &created);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    OSSharedPtr<IOBufferMemoryDescriptor> owner(created, OSNoRetain);
    ret = Fill(created, bytes);
    if (ret == kIOReturnSuccess) {
        buffer->swap(owner);
    }
    return ret;
}

/// As above, with the bytes of `data`; kIOReturnBadArgument also when it is NULL.
[[nodiscard]] inline kern_return_t CreateFilled(uint64_t direction, const OSData *data,
                                                OSSharedPtr<IOBufferMemoryDescriptor> *buffer) {
    return CreateFilled(direction, BytesOf(data), buffer);
}

}  // namespace opendext::toolkit

#endif
