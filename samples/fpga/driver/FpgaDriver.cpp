// SPDX-License-Identifier: Apache-2.0
#include "FpgaDriver.h"

#include <DriverKit/IOLib.h>
#include <DriverKit/IOUserClient.h>
#include <PCIDriverKit/PCIDriverKit.h>
#include <os/log.h>

#include "FpgaProtocol.h"
#include "TransferEngine.h"

struct FpgaDriver_IVars {
    IOPCIDevice *pci;        // open; borrowed from the provider
    IODispatchQueue *queue;  // the engine's, and the interrupt's
    IOInterruptDispatchSource *interrupt;
    TransferEngine *engine;
};

bool FpgaDriver::init() {
    if (!super::init()) {
        return false;
    }
    ivars = IONewZero(FpgaDriver_IVars, 1);
    return ivars != nullptr;
}

void FpgaDriver::free() {
    if (ivars != nullptr) {
        delete ivars->engine;
        OSSafeReleaseNULL(ivars->interrupt);
        OSSafeReleaseNULL(ivars->queue);
    }
    IOSafeDeleteNULL(ivars, FpgaDriver_IVars, 1);
    super::free();
}

TransferEngine *FpgaDriver::Engine() {
    return ivars->engine;
}

kern_return_t IMPL(FpgaDriver, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret == kIOReturnSuccess) {
        ret = OpenCard(provider);
    }
    if (ret == kIOReturnSuccess) {
        ret = MakeEngine();
    }
    if (ret == kIOReturnSuccess) {
        ret = TakeInterrupt();
    }
    if (ret == kIOReturnSuccess) {
        ret = RegisterService();
    }
    if (ret != kIOReturnSuccess) {
        os_log(OS_LOG_DEFAULT, "FpgaDriver: Start failed: 0x%08x", ret);
        UndoStart();
        return ret;
    }
    os_log(OS_LOG_DEFAULT, "FpgaDriver: card with %llu MiB of RAM",
           static_cast<unsigned long long>(ivars->engine->RamBytes() >> 20));
    return kIOReturnSuccess;
}

kern_return_t FpgaDriver::OpenCard(IOService *provider) {
    IOPCIDevice *pci = OSDynamicCast(IOPCIDevice, provider);
    if (pci == nullptr) {
        return kIOReturnNoDevice;
    }
    const kern_return_t ret = pci->Open(this, 0);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    ivars->pci = pci;
    uint16_t command = 0;
    pci->ConfigurationRead16(kIOPCIConfigurationOffsetCommand, &command);
    command |= kIOPCICommandMemorySpace | kIOPCICommandBusLead;
    pci->ConfigurationWrite16(kIOPCIConfigurationOffsetCommand, command);
    return kIOReturnSuccess;
}

kern_return_t FpgaDriver::MakeEngine() {
    kern_return_t ret =
        IODispatchQueue::Create("FpgaEngine", kIODispatchQueueReentrant, 0, &ivars->queue);
    if (ret == kIOReturnSuccess) {
        ret = SetDispatchQueue("FpgaEngine", ivars->queue);
    }
    if (ret == kIOReturnSuccess) {
        ivars->engine = new TransferEngine;
        ret = ivars->engine->Open(ivars->pci, ivars->queue);
    }
    return ret;
}

// One message carries all events of the card; without messages there is the interrupt pin, at index
// 0.
static uint32_t ChooseInterrupt(IOPCIDevice *pci) {
    if (pci->ConfigureInterrupts(kIOInterruptTypePCIMessaged, 1, 1, 0) != kIOReturnSuccess) {
        os_log(OS_LOG_DEFAULT, "FpgaDriver: no choice of interrupts, taking what there is");
    }
    uint64_t type = 0;
    for (uint32_t index = 0;
         IOInterruptDispatchSource::GetInterruptType(pci, index, &type) == kIOReturnSuccess;
         ++index) {
        if ((type & kIOInterruptTypePCIMessaged) != 0) {
            return index;
        }
    }
    return 0;
}

kern_return_t FpgaDriver::TakeInterrupt() {
    kern_return_t ret = IOInterruptDispatchSource::Create(ivars->pci, ChooseInterrupt(ivars->pci),
                                                          ivars->queue, &ivars->interrupt);
    OSAction *action = nullptr;
    if (ret == kIOReturnSuccess) {
        ret = CreateActionCardInterrupt(0, &action);
    }
    if (ret == kIOReturnSuccess) {
        ret = ivars->interrupt->SetHandler(action);
    }
    OSSafeReleaseNULL(action);
    if (ret == kIOReturnSuccess) {
        ret = ivars->interrupt->SetEnable(true);
    }
    return ret;
}

// A Start that fails is not followed by a Stop. The source is freed by its own cancel handler.
void FpgaDriver::UndoStart() {
    if (ivars->engine != nullptr) {
        ivars->engine->Close();
    }
    IOInterruptDispatchSource *interrupt = ivars->interrupt;
    ivars->interrupt = nullptr;
    if (interrupt != nullptr) {
        interrupt->Cancel(^{ interrupt->release(); });
    }
    if (ivars->pci != nullptr) {
        ivars->pci->Close(this, 0);
        ivars->pci = nullptr;
    }
}

// First the transfers, then the interrupt; when its last handler has ended the card is closed, and
// the base class finishes the stop.
kern_return_t IMPL(FpgaDriver, Stop) {
    ivars->engine->Close();
    retain();
    provider->retain();
    ivars->interrupt->Cancel(^{
        ivars->pci->Close(this, 0);
        ivars->pci = nullptr;
        OSSafeReleaseNULL(ivars->interrupt);
        Stop(provider, SUPERDISPATCH);
        provider->release();
        release();
    });
    return kIOReturnSuccess;
}

kern_return_t IMPL(FpgaDriver, NewUserClient) {
    (void)type;
    IOService *service = nullptr;
    const kern_return_t ret = Create(this, "UserClientProperties", &service);
    if (ret != kIOReturnSuccess) {
        os_log(OS_LOG_DEFAULT, "FpgaDriver: no client: 0x%08x", ret);
        return ret;
    }
    *userClient = OSDynamicCast(IOUserClient, service);
    if (*userClient == nullptr) {
        service->release();
        return kIOReturnError;
    }
    return kIOReturnSuccess;
}

void IMPL(FpgaDriver, CardInterrupt) {
    (void)action;
    (void)count;
    (void)time;
    ivars->engine->HandleInterrupt();
}
