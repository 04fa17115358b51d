// SPDX-License-Identifier: Apache-2.0
#include "families/usb/io_buffer.h"

#include <atomic>

#include "base/log.h"

namespace opendext::usb {

namespace {

// Once: a driver makes many.
void WarnOfReadOnlyBuffers() {
    static std::atomic<bool> is_told = false;
    if (!is_told.exchange(true)) {
        LogWarning(
            "CreateIOBuffer: a buffer with kIOMemoryDirectionOut is read-only for its driver on a "
            "Mac or iPad, and a write to it crashes there; to fill it, create it with "
            "kIOMemoryDirectionInOut");
    }
}

}  // namespace

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
    if (options == kIOMemoryDirectionOut) {
        WarnOfReadOnlyBuffers();
    }
    return IOBufferMemoryDescriptor::Create(options, capacity, 0, buffer);
}

}  // namespace opendext::usb
