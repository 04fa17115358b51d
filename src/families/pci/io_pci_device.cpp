// SPDX-License-Identifier: Apache-2.0
// IOPCIDevice: the session, its end, and reset (semantics.md 6.1, 6.8, 6.9).
#include <bit>
#include <new>
#include <utility>

#include <DriverKit/OSBoolean.h>
#include <DriverKit/OSDictionary.h>
#include <PCIDriverKit/IOPCIDevice.h>
#include <PCIDriverKit/IOPCIFamilyDefinitions.h>

#include "backends/api/pci_registers.h"
#include "base/log.h"
#include "families/pci/pci_device_state.h"

namespace registers = opendext::backends::pci;
using opendext::backends::AccessWidth;
using opendext::backends::BackendErrorCode;
using opendext::backends::PciBackend;
using opendext::backends::PciResetKind;
using opendext::pci::ConfigCopy;

namespace opendext::pci {

void AttachBackend(IOPCIDevice *device, std::shared_ptr<PciBackend> backend) {
    IOPCIDevice_IVars &state = *device->ivars;
    state.backend = std::move(backend);
    state.ranges = state.backend->MemoryRanges();
    state.interrupts = std::make_unique<PciInterrupts>(*state.backend);
    memory::RegisterDmaMapper(device, std::make_shared<PciDmaMapper>(state.backend));
    service::SetProviderHooks(device, &state);
}

namespace {

// Memory decoding and bus leading off.
void Quiesce(PciBackend &backend) {
    const uint32_t command = backend.ReadConfig(registers::kCommand, AccessWidth::k16);
    backend.WriteConfig(
        registers::kCommand, AccessWidth::k16,
        command & ~uint32_t{registers::kCommandMemory | registers::kCommandBusMaster});
}

ConfigCopy CopyConfig(PciBackend &backend) {
    ConfigCopy copy;
    for (uint32_t offset = 0; offset < registers::kConventionalConfigBytes; offset += 4) {
        copy.push_back(backend.ReadConfig(offset, AccessWidth::k32));
    }
    return copy;
}

// The command register comes last: nothing is decoded at an address that is only half there. Its upper half,
// the status register, is cleared by writing ones, so it is left alone.
void RestoreConfig(PciBackend &backend, const ConfigCopy &copy) {
    for (uint32_t offset = registers::kCacheLineSize; offset < registers::kConventionalConfigBytes;
         offset += 4) {
        backend.WriteConfig(offset, AccessWidth::k32, copy[offset / 4]);
    }
    backend.WriteConfig(registers::kCommand, AccessWidth::k16,
                        copy[registers::kCommand / 4] & 0xFFFF);
}

// With the lock held and a client present: ends the session. @return the client's reference.
IOService *EndSession(IOPCIDevice_IVars &state) {
    state.access = PciAccess::kNone;
    Quiesce(*state.backend);
    return std::exchange(state.client, nullptr);
}

std::optional<PciResetKind> ResetKindOf(IOOptionBits type) {
    switch (type) {
        case kIOPCIDeviceResetTypeHotReset:
            return PciResetKind::kHot;
        case kIOPCIDeviceResetTypeFunctionReset:
            return PciResetKind::kFunction;
        default:
            return std::nullopt;
    }
}

// Resets with configuration space kept. With the lock held.
kern_return_t ResetKeepingConfig(IOPCIDevice_IVars &state, PciResetKind kind) {
    const PciAccess access = state.access.exchange(PciAccess::kNone);
    const ConfigCopy copy = CopyConfig(*state.backend);
    const auto done = state.backend->Reset(kind);
    if (done) {
        RestoreConfig(*state.backend, copy);
    }
    state.access = access;
    if (done) {
        return kIOReturnSuccess;
    }
    LogWarning("PCI device: {}", done.error().message);
    return done.error().code == BackendErrorCode::kRemoved ? kIOReturnNoDevice
                                                           : kIOReturnUnsupported;
}

}  // namespace
}  // namespace opendext::pci

void IOPCIDevice_IVars::ClientStopped(IOService *stopped) {
    IOService *released = nullptr;
    {
        const std::scoped_lock lock(mutex);
        if (client == stopped && client != nullptr) {
            opendext::LogInfo("PCI device: closed for {}, which stopped with the device open",
                              stopped->getMetaClass()->getClassName());
            released = opendext::pci::EndSession(*this);
        }
    }
    OSSafeReleaseNULL(released);
}

bool IOPCIDevice::init() {
    if (!super::init()) {
        return false;
    }
    ivars = new (std::nothrow) IOPCIDevice_IVars;
    if (ivars == nullptr) {
        return false;
    }
    ivars->device = this;
    return true;
}

void IOPCIDevice::free() {
    opendext::memory::UnregisterDmaMapper(this);
    // Freed with the session open: the driver is gone without its Stop.
    IOService *client =
        ivars != nullptr && ivars->client != nullptr ? opendext::pci::EndSession(*ivars) : nullptr;
    delete std::exchange(ivars, nullptr);
    OSSafeReleaseNULL(client);
    super::free();
}

kern_return_t IOPCIDevice::Open(IOService *forClient, IOOptionBits) {
    if (forClient == nullptr || opendext::service::IsStopped(forClient)) {
        return kIOReturnBadArgument;
    }
    if (ivars->backend == nullptr || !ivars->backend->IsPresent()) {
        return kIOReturnError;
    }
    const std::scoped_lock lock(ivars->mutex);
    if (ivars->client != nullptr) {
        return kIOReturnNotOpen;
    }
    forClient->retain();
    ivars->client = forClient;
    ivars->access = opendext::pci::PciAccess::kUnchecked;
    return kIOReturnSuccess;
}

void IOPCIDevice::Close(IOService *forClient, IOOptionBits) {
    IOService *released = nullptr;
    {
        const std::scoped_lock lock(ivars->mutex);
        if (forClient == nullptr || ivars->client != forClient) {
            return;
        }
        released = opendext::pci::EndSession(*ivars);
    }
    released->release();
}

kern_return_t IOPCIDevice::ClientCrashed_Impl(IOService *client, uint64_t) {
    IOService *released = nullptr;
    {
        const std::scoped_lock lock(ivars->mutex);
        if (client == nullptr || ivars->client != client) {
            return kIOReturnSuccess;
        }
        released = opendext::pci::EndSession(*ivars);
        ivars->interrupts->ReleaseAll();
        if (opendext::pci::ResetKeepingConfig(*ivars, PciResetKind::kFunction) !=
            kIOReturnSuccess) {
            (void)opendext::pci::ResetKeepingConfig(*ivars, PciResetKind::kHot);
        }
    }
    released->release();
    return kIOReturnSuccess;
}

kern_return_t IOPCIDevice::SetProperties_Impl(OSDictionary *properties) {
    if (properties == nullptr) {
        return kIOReturnBadArgument;
    }
    for (const char *key :
         {kIOPMPCIConfigSpaceVolatileKey, kIOPMPCISleepLinkDisableKey, kIOPMPCISleepResetKey}) {
        if (OSDynamicCast(OSBoolean, properties->getObject(key)) != nullptr) {
            return kIOReturnSuccess;  // About sleep, which does not happen here.
        }
    }
    return kIOReturnBadArgument;
}

kern_return_t IOPCIDevice::Reset_Impl(IOOptionBits type, IOOptionBits) {
    constexpr IOOptionBits kAllTypes =
        kIOPCIDeviceResetTypeHotReset | kIOPCIDeviceResetTypeWarmReset |
        kIOPCIDeviceResetTypeWarmResetDisable | kIOPCIDeviceResetTypeWarmResetEnable |
        kIOPCIDeviceResetTypeFunctionReset;
    if (!std::has_single_bit(type) || (type & ~kAllTypes) != 0) {
        return kIOReturnBadArgument;
    }
    const std::optional<PciResetKind> kind = opendext::pci::ResetKindOf(type);
    if (!kind || ivars->backend == nullptr) {
        return kIOReturnUnsupported;
    }
    const std::scoped_lock lock(ivars->mutex);
    return opendext::pci::ResetKeepingConfig(*ivars, *kind);
}

kern_return_t IOPCIDevice::SaveDeviceState_Impl(IOOptionBits options) {
    const std::scoped_lock lock(ivars->mutex);
    if (ivars->backend == nullptr || !ivars->backend->IsPresent()) {
        return kIOReturnNoDevice;
    }
    ConfigCopy copy = opendext::pci::CopyConfig(*ivars->backend);
    if ((options & kPCIConfigShadowPermanent) != 0) {
        ivars->saved_for_good = std::move(copy);
    } else {
        ivars->saved = std::move(copy);
    }
    return kIOReturnSuccess;
}

kern_return_t IOPCIDevice::RestoreDeviceState_Impl(IOOptionBits) {
    const std::scoped_lock lock(ivars->mutex);
    if (ivars->backend == nullptr || !ivars->backend->IsPresent()) {
        return kIOReturnNoDevice;
    }
    const std::optional<ConfigCopy> &copy =
        ivars->saved_for_good ? ivars->saved_for_good : ivars->saved;
    if (!copy) {
        return kIOReturnNotReady;
    }
    opendext::pci::RestoreConfig(*ivars->backend, *copy);
    return kIOReturnSuccess;
}

kern_return_t IOPCIDevice::ConfigureInterrupts_Impl(uint32_t interruptType, uint32_t numRequired,
                                                    uint32_t numRequested, IOOptionBits options) {
    if (options != 0) {
        return kIOReturnBadArgument;
    }
    return ivars->interrupts == nullptr
               ? kIOReturnNoDevice
               : ivars->interrupts->Configure(interruptType, numRequired, numRequested);
}
