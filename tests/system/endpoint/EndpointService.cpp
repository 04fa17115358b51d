// SPDX-License-Identifier: Apache-2.0
#include "EndpointService.h"

#include <DriverKit/IOLib.h>
#include <DriverKit/IOUserClient.h>
#include <PCIDriverKit/PCIDriverKit.h>

struct EndpointService_IVars {
    IOPCIDevice *pci;  // the provider, not retained
};

bool EndpointService::init() {
    if (!super::init()) {
        return false;
    }
    ivars = IONewZero(EndpointService_IVars, 1);
    return ivars != nullptr;
}

void EndpointService::free() {
    IOSafeDeleteNULL(ivars, EndpointService_IVars, 1);
    super::free();
}

IOPCIDevice *EndpointService::Device() {
    return ivars->pci;
}

kern_return_t IMPL(EndpointService, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    ivars->pci = OSDynamicCast(IOPCIDevice, provider);
    if (ret == kIOReturnSuccess) {
        ret = ivars->pci != nullptr ? ivars->pci->Open(this, 0) : kIOReturnNoDevice;
    }
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    uint16_t command = 0;
    ivars->pci->ConfigurationRead16(kIOPCIConfigurationOffsetCommand, &command);
    ivars->pci->ConfigurationWrite16(
        kIOPCIConfigurationOffsetCommand,
        command | kIOPCICommandIOSpace | kIOPCICommandMemorySpace | kIOPCICommandBusLead);
    SetName("endpoint");
    return RegisterService();
}

kern_return_t IMPL(EndpointService, Stop) {
    ivars->pci->Close(this, 0);
    return Stop(provider, SUPERDISPATCH);
}

kern_return_t IMPL(EndpointService, NewUserClient) {
    (void)type;
    IOService *client = nullptr;
    const kern_return_t ret = Create(this, "UserClientProperties", &client);
    *userClient = OSDynamicCast(IOUserClient, client);
    return ret;
}

kern_return_t EndpointService::CopyBar(uint8_t bar, IOMemoryDescriptor **memory) {
    uint8_t index = 0;
    const kern_return_t ret = ivars->pci->GetBARInfo(bar, &index, nullptr, nullptr);
    return ret == kIOReturnSuccess ? ivars->pci->_CopyDeviceMemoryWithIndex(index, memory, this)
                                   : ret;
}
