// SPDX-License-Identifier: Apache-2.0
#include "channel/transport/fresh_output.h"

#include <sys/mman.h>
#include <cstring>

#include "base/checked.h"
#include "base/mapping.h"
#include "channel/wire/io_result.h"

namespace opendext::channel {

namespace {

/// Private memory with the contents of `fd` from `offset` on, or zeros for -1. @return NULL when there is none.
void *MapFresh(uint64_t num_bytes, int fd, uint64_t offset) {
    const int source = fd < 0 ? MAP_ANONYMOUS : 0;
    void *const address = mmap(nullptr, num_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | source, fd,
                               static_cast<off_t>(offset));
    return address == MAP_FAILED ? nullptr : address;
}

}  // namespace

int32_t GiveFreshOutput(std::span<const std::byte> bytes, const ClientCall &call) {
    void *address = nullptr;
    if (!bytes.empty()) {
        address = MapFresh(bytes.size(), -1, 0);
        if (address == nullptr) {
            return kIoNoMemory;
        }
        std::memcpy(address, bytes.data(), bytes.size());
    }
    *call.variable_output = address;
    *call.num_structure_output = bytes.size();
    return kSuccess;
}

int32_t GiveFreshOutput(const SharedSlice &slice, const ClientCall &call) {
    if (slice.region == nullptr ||
        !RangeIsWithin(slice.offset, slice.length, slice.region->num_bytes())) {
        return kIoVmError;
    }
    if (slice.length == 0 || slice.offset % PageSize() != 0) {
        const std::byte *const bytes = slice.region->ReadOnly();
        return bytes == nullptr
                   ? kIoNoMemory
                   : GiveFreshOutput(std::span(bytes + slice.offset, slice.length), call);
    }
    // The pages themselves: the driver process does not write to them any more.
    void *const address = MapFresh(slice.length, slice.region->ExportFd(), slice.offset);
    if (address == nullptr) {
        return kIoNoMemory;
    }
    *call.variable_output = address;
    *call.num_structure_output = slice.length;
    return kSuccess;
}

}  // namespace opendext::channel
