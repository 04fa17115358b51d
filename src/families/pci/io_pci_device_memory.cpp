// SPDX-License-Identifier: Apache-2.0
// IOPCIDevice: a range as a memory descriptor (semantics.md 6.5).
#include <DriverKit/IOMemoryDescriptor.h>

#include "base/log.h"
#include "families/pci/pci_device_state.h"
#include "runtime/memory/descriptor_factory.h"

using opendext::memory::DescriptorFromDeviceMemory;

kern_return_t IOPCIDevice::_CopyDeviceMemoryWithIndex_Impl(uint64_t memoryIndex,
                                                           IOMemoryDescriptor **returnMemory,
                                                           IOService *forClient) {
    if (returnMemory == nullptr) {
        return kIOReturnBadArgument;
    }
    *returnMemory = nullptr;
    {
        const std::scoped_lock lock(ivars->mutex);
        if (forClient == nullptr || ivars->client != forClient) {
            return kIOReturnNotOpen;
        }
    }
    if (memoryIndex > kPCIMemoryRangeExpansionROM || memoryIndex >= ivars->ranges.size()) {
        return kIOReturnBadArgument;
    }
    const auto index = static_cast<uint32_t>(memoryIndex);
    if (opendext::backends::IsIo(ivars->ranges[index].kind)) {
        return kIOReturnUnsupported;
    }
    const auto mapping = ivars->backend->MapDirect(index);
    if (!mapping) {
        opendext::LogWarning("PCI device: memory index {} as a descriptor: {}", index,
                             mapping.error().message);
        return kIOReturnUnsupported;
    }
    auto descriptor = DescriptorFromDeviceMemory({.bytes = {mapping->address, mapping->num_bytes},
                                                  .bytes_keeper = ivars->backend,
                                                  .shared = mapping->shared});
    *returnMemory = descriptor.release();
    return *returnMemory != nullptr ? kIOReturnSuccess : kIOReturnNoMemory;
}
