// SPDX-License-Identifier: Apache-2.0
#include "CardBenchService.h"

#include <DriverKit/IOLib.h>
#include <DriverKit/IOUserClient.h>
#include <PCIDriverKit/PCIDriverKit.h>
#include <os/log.h>

struct CardBenchService_IVars {
    IOPCIDevice *card;  // borrowed from the provider
};

bool CardBenchService::init() {
    if (!super::init()) {
        return false;
    }
    ivars = IONewZero(CardBenchService_IVars, 1);
    return ivars != nullptr;
}

void CardBenchService::free() {
    IOSafeDeleteNULL(ivars, CardBenchService_IVars, 1);
    super::free();
}

IOPCIDevice *CardBenchService::Card() {
    return ivars->card;
}

kern_return_t IMPL(CardBenchService, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    IOPCIDevice *card = OSDynamicCast(IOPCIDevice, provider);
    if (ret == kIOReturnSuccess) {
        ret = card != nullptr ? card->Open(this, 0) : kIOReturnNoDevice;
    }
    if (ret != kIOReturnSuccess) {
        os_log(OS_LOG_DEFAULT, "CardBenchService: the card cannot be opened: 0x%08x", ret);
        return ret;
    }
    ivars->card = card;
    uint16_t command = 0;
    card->ConfigurationRead16(kIOPCIConfigurationOffsetCommand, &command);
    command |= kIOPCICommandMemorySpace | kIOPCICommandBusLead;
    card->ConfigurationWrite16(kIOPCIConfigurationOffsetCommand, command);
    return RegisterService();
}

kern_return_t IMPL(CardBenchService, Stop) {
    ivars->card->Close(this, 0);
    ivars->card = nullptr;
    return Stop(provider, SUPERDISPATCH);
}

kern_return_t IMPL(CardBenchService, NewUserClient) {
    IOService *service = nullptr;
    kern_return_t ret = Create(this, "UserClientProperties", &service);
    if (ret != kIOReturnSuccess) {
        os_log(OS_LOG_DEFAULT, "CardBenchService: no client: 0x%08x", ret);
        return ret;
    }
    *userClient = OSDynamicCast(IOUserClient, service);
    if (*userClient == nullptr) {
        service->release();
        return kIOReturnError;
    }
    return kIOReturnSuccess;
}
