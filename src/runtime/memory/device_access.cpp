// SPDX-License-Identifier: Apache-2.0
#include "runtime/memory/device_access.h"

#include <cstring>
#include <utility>

#include "base/checked.h"
#include "base/log.h"
#include "runtime/memory/descriptor_state.h"

namespace opendext::memory {

namespace {

bool Allows(uint64_t direction, DeviceUse use) {
    const uint64_t needed = use == DeviceUse::kReads ? kIOMemoryDirectionOut : kIOMemoryDirectionIn;
    return direction == kIOMemoryDirectionNone || (direction & needed) != 0;
}

}  // namespace

std::expected<DeviceAccess, kern_return_t> DeviceAccess::Open(IOMemoryDescriptor *memory,
                                                              uint64_t offset, uint64_t length,
                                                              DeviceUse use) {
    if (memory == nullptr) {
        return std::unexpected(kIOReturnBadArgument);
    }
    const IOMemoryDescriptor_IVars &state = StateOf(*memory);
    if (!RangeIsWithin(offset, length, state.length.load(std::memory_order_relaxed)) ||
        !Allows(state.direction, use)) {
        return std::unexpected(kIOReturnBadArgument);
    }
    DeviceAccess access;
    access.memory_ = Retain(memory);
    if (length == 0) {
        return access;
    }
    FetchMemory(*memory, Use::kDma);
    if (!CollectExtents(*memory, Use::kDma, offset, length, access.extents_)) {
        return std::unexpected(kIOReturnCannotWire);
    }
    const MapAccess map_access =
        use == DeviceUse::kReads ? MapAccess::kReadOnly : MapAccess::kReadWrite;
    access.windows_.reserve(access.extents_.size());
    access.pieces_.reserve(access.extents_.size());
    for (const Extent &extent : access.extents_) {
        auto window = OpenWindow(extent, map_access);
        if (!window) {
            LogWarning("cannot map {} bytes for a device: {}", extent.length(),
                       std::strerror(window.error()));
            return std::unexpected(kIOReturnVMError);
        }
        const SharedSlice &slice = extent.slice;
        access.pieces_.push_back({window->address, window->length, slice.region.get(),
                                  slice.region != nullptr ? slice.offset : 0});
        access.windows_.push_back(std::move(*window));
    }
    return access;
}

}  // namespace opendext::memory
