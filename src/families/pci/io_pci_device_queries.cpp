// SPDX-License-Identifier: Apache-2.0
// IOPCIDevice: what the device is and has (semantics.md 6.4 to 6.6).
#include <expected>
#include <mutex>

#include <PCIDriverKit/IOPCIFamilyDefinitions.h>

#include "backends/api/pci_registers.h"
#include "base/log.h"
#include "families/pci/pci_capabilities.h"
#include "families/pci/pci_device_state.h"

namespace registers = opendext::backends::pci;
using opendext::backends::AccessWidth;
using opendext::backends::BackendErrorCode;
using opendext::backends::MemoryRange;
using opendext::backends::PciAddress;
using opendext::backends::PciBackend;
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

kern_return_t IOPCIDevice::EnablePCIPowerManagement_Impl(uint64_t state) {
    if (ivars->backend == nullptr || !ivars->backend->IsPresent()) {
        return kIOReturnNoDevice;
    }
    const uint32_t capability =
        FindCapability(*ivars->backend, registers::kCapabilityPowerManagement, 0);
    if (capability == 0) {
        return kIOReturnUnsupported;
    }
    if (static_cast<IOOptionBits>(state) == IOOptionBits{kPCIPMCSDefaultEnableBits}) {
        return kIOReturnSuccess;
    }
    const uint32_t announced =
        ivars->backend->ReadConfig(capability + registers::kPowerCapabilities, AccessWidth::k16);
    const uint32_t power_state = state & kPCIPMCSPowerStateMask;
    uint32_t needed = power_state == kPCIPMCSPowerStateD1   ? kPCIPMCD1Support
                      : power_state == kPCIPMCSPowerStateD2 ? kPCIPMCD2Support
                                                            : 0;
    if ((state & kPCIPMCSPMEEnable) != 0) {
        needed |= uint32_t{kPCIPMCPMESupportFromD0} << power_state;
    }
    return (needed & ~announced) == 0 ? kIOReturnSuccess : kIOReturnUnsupported;
}

// The PCI Express capability of a device that is there.
static std::expected<uint32_t, kern_return_t> ExpressCapability(PciBackend *backend) {
    if (backend == nullptr || !backend->IsPresent()) {
        return std::unexpected(kIOReturnNoDevice);
    }
    const uint32_t capability = FindCapability(*backend, registers::kCapabilityPciExpress, 0);
    if (capability == 0) {
        return std::unexpected(kIOReturnUnsupported);
    }
    return capability;
}

kern_return_t IOPCIDevice::GetLinkSpeed_Impl(IOPCILinkSpeed *linkSpeed) {
    if (linkSpeed == nullptr) {
        return kIOReturnBadArgument;
    }
    const auto capability = ExpressCapability(ivars->backend.get());
    if (!capability) {
        return capability.error();
    }
    *linkSpeed = static_cast<IOPCILinkSpeed>(
        ivars->backend->ReadConfig(*capability + registers::kExpressLinkStatus, AccessWidth::k16) &
        0xF);
    return kIOReturnSuccess;
}

kern_return_t IOPCIDevice::SetLinkSpeed_Impl(IOPCILinkSpeed linkSpeed, bool retrain) {
    if (linkSpeed < kPCILinkSpeed_2_5_GTs || linkSpeed > kPCILinkSpeed_32_GTs) {
        return kIOReturnBadArgument;
    }
    if (ivars->backend == nullptr) {
        return kIOReturnNoDevice;
    }
    const auto done = ivars->backend->SetLinkSpeed(static_cast<uint8_t>(linkSpeed), retrain);
    if (done) {
        return kIOReturnSuccess;
    }
    opendext::LogWarning("PCI device: SetLinkSpeed: {}", done.error().message);
    return done.error().code == BackendErrorCode::kRemoved ? kIOReturnNoDevice
                                                           : kIOReturnUnsupported;
}

kern_return_t IOPCIDevice::SetASPMState_Impl(IOOptionBits aspmLinkControl) {
    const auto capability = ExpressCapability(ivars->backend.get());
    if (!capability) {
        return capability.error();
    }
    constexpr uint32_t kBits = kIOPCILinkControlASPMBitsL0sL1;
    const uint32_t control = *capability + registers::kExpressLinkControl;
    const std::scoped_lock lock(ivars->mutex);
    PciBackend &backend = *ivars->backend;
    const uint32_t others = backend.ReadConfig(control, AccessWidth::k16) & ~kBits;
    backend.WriteConfig(control, AccessWidth::k16, others | (aspmLinkControl & kBits));
    // Bits of a device without these states are wired to 0.
    return (backend.ReadConfig(control, AccessWidth::k16) & kBits) == (aspmLinkControl & kBits)
               ? kIOReturnSuccess
               : kIOReturnUnsupported;
}
