// SPDX-License-Identifier: Apache-2.0
// IOPCIDevice: what the device is and has (semantics.md 6.4 to 6.6).
#include <PCIDriverKit/IOPCIFamilyDefinitions.h>

#include "backends/api/pci_registers.h"
#include "families/pci/pci_capabilities.h"
#include "families/pci/pci_device_state.h"

namespace registers = opendext::backends::pci;
using opendext::backends::AccessWidth;
using opendext::backends::MemoryRange;
using opendext::backends::PciAddress;
using opendext::pci::FindCapability;

kern_return_t IOPCIDevice::GetBARInfo_Impl(uint8_t barIndex, uint8_t *memoryIndex,
                                           uint64_t *barSize, uint8_t *barType) {
    if (barIndex > kPCIMemoryRangeExpansionROM) {
        return kIOReturnBadArgument;
    }
    if (ivars->ranges.empty()) {
        return kIOReturnError;
    }
    for (size_t index = 0; index < ivars->ranges.size(); ++index) {
        const MemoryRange &range = ivars->ranges[index];
        if (range.bar_index != barIndex) {
            continue;
        }
        if (memoryIndex != nullptr) {
            *memoryIndex = static_cast<uint8_t>(index);
        }
        if (barSize != nullptr) {
            *barSize = range.num_bytes;
        }
        if (barType != nullptr) {
            *barType = static_cast<uint8_t>(range.kind);
        }
        return kIOReturnSuccess;
    }
    return kIOReturnNotFound;
}

kern_return_t IOPCIDevice::FindPCICapability_Impl(uint32_t capabilityID, uint64_t searchOffset,
                                                  uint64_t *foundCapabilityOffset) {
    if (foundCapabilityOffset != nullptr) {
        *foundCapabilityOffset = 0;
    }
    if (ivars->backend == nullptr) {
        return kIOReturnNoDevice;
    }
    const uint32_t found = FindCapability(*ivars->backend, capabilityID, searchOffset);
    if (found == 0) {
        return kIOReturnNotFound;
    }
    if (foundCapabilityOffset != nullptr) {
        *foundCapabilityOffset = found;
    }
    return kIOReturnSuccess;
}

kern_return_t IOPCIDevice::GetBusDeviceFunction_Impl(uint8_t *returnBusNumber,
                                                     uint8_t *returnDeviceNumber,
                                                     uint8_t *returnFunctionNumber) {
    if (ivars->backend == nullptr) {
        return kIOReturnNoDevice;
    }
    const PciAddress address = ivars->backend->Address();
    if (returnBusNumber != nullptr) {
        *returnBusNumber = address.bus;
    }
    if (returnDeviceNumber != nullptr) {
        *returnDeviceNumber = address.device;
    }
    if (returnFunctionNumber != nullptr) {
        *returnFunctionNumber = address.function;
    }
    return kIOReturnSuccess;
}

kern_return_t IOPCIDevice::HasPCIPowerManagement_Impl(uint64_t state) {
    if (ivars->backend == nullptr || state == 0) {
        return kIOReturnUnsupported;
    }
    const uint32_t capability =
        FindCapability(*ivars->backend, registers::kCapabilityPowerManagement, 0);
    if (capability == 0) {
        return kIOReturnUnsupported;
    }
    const uint32_t announced =
        ivars->backend->ReadConfig(capability + registers::kPowerCapabilities, AccessWidth::k16);
    // D3 has no bit of its own: every function with the capability has it.
    return (state & ~uint64_t{announced | kPCIPMCD3Support}) == 0 ? kIOReturnSuccess
                                                                  : kIOReturnUnsupported;
}

kern_return_t IOPCIDevice::GetLinkSpeed_Impl(IOPCILinkSpeed *linkSpeed) {
    if (linkSpeed == nullptr) {
        return kIOReturnBadArgument;
    }
    if (ivars->backend == nullptr) {
        return kIOReturnNoDevice;
    }
    const uint32_t capability =
        FindCapability(*ivars->backend, registers::kCapabilityPciExpress, 0);
    if (capability == 0) {
        return kIOReturnUnsupported;
    }
    *linkSpeed = static_cast<IOPCILinkSpeed>(
        ivars->backend->ReadConfig(capability + registers::kExpressLinkStatus, AccessWidth::k16) &
        0xF);
    return kIOReturnSuccess;
}
