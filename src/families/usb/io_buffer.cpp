// SPDX-License-Identifier: Apache-2.0
#include "families/usb/io_buffer.h"

#include "base/log.h"

namespace opendext::usb {

kern_return_t CreateIOBuffer(IOOptionBits options, uint64_t capacity,
                             IOBufferMemoryDescriptor **buffer) {
    if (buffer == nullptr) {
        return kIOReturnBadArgument;
    }
    if (capacity == 0) {
        LogWarning(
            "CreateIOBuffer: refused with kIOReturnNoMemory: a buffer of 0 bytes; was the size "
            "set, "
            "from the endpoint's descriptor, before?");
    }
    return IOBufferMemoryDescriptor::Create(options, capacity, 0, buffer);
}

}  // namespace opendext::usb
