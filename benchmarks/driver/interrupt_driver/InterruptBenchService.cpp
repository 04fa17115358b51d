// SPDX-License-Identifier: Apache-2.0
#include "InterruptBenchService.h"

#include <time.h>

#include <DriverKit/IODispatchQueue.h>
#include <DriverKit/IOLib.h>
#include <DriverKit/IOUserClient.h>
#include <DriverKit/OSAction.h>
#include <PCIDriverKit/PCIDriverKit.h>
#include <os/log.h>

namespace {

// Of the card that docs/devices/fpga-dma.md describes.
constexpr uint8_t kRegisterIndex = 0;
constexpr uint64_t kInterruptEnable = 0x14;
constexpr uint64_t kInterruptTrigger = 0x1C;
constexpr uint32_t kInterruptUser = 0x8;

}  // namespace

struct InterruptBenchService_IVars {
    IOPCIDevice *card;  // borrowed from the provider
    IODispatchQueue *queue;
    IOInterruptDispatchSource *source;
    uint64_t arrivedAt;  // nanoseconds; 0: not yet
};

bool InterruptBenchService::init() {
    if (!super::init()) {
        return false;
    }
    ivars = IONewZero(InterruptBenchService_IVars, 1);
    return ivars != nullptr;
}

void InterruptBenchService::free() {
    if (ivars != nullptr) {
        OSSafeReleaseNULL(ivars->source);
        OSSafeReleaseNULL(ivars->queue);
    }
    IOSafeDeleteNULL(ivars, InterruptBenchService_IVars, 1);
    super::free();
}

kern_return_t InterruptBenchService::OpenCard(IOService *provider) {
    IOPCIDevice *card = OSDynamicCast(IOPCIDevice, provider);
    const kern_return_t ret = card != nullptr ? card->Open(this, 0) : kIOReturnNoDevice;
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    ivars->card = card;
    card->ConfigurationWrite16(kIOPCIConfigurationOffsetCommand,
                               kIOPCICommandMemorySpace | kIOPCICommandBusLead);
    card->MemoryWrite32(kRegisterIndex, kInterruptEnable, kInterruptUser);
    return kIOReturnSuccess;
}

kern_return_t InterruptBenchService::ConnectInterrupt() {
    uint32_t index = 0;
    for (uint64_t type = 0; (type & kIOInterruptTypePCIMessaged) == 0; ++index) {
        const kern_return_t ret =
            IOInterruptDispatchSource::GetInterruptType(ivars->card, index, &type);
        if (ret != kIOReturnSuccess) {
            return ret;
        }
    }
    kern_return_t ret = IODispatchQueue::Create("InterruptBench", 0, 0, &ivars->queue);
    if (ret == kIOReturnSuccess) {
        ret =
            IOInterruptDispatchSource::Create(ivars->card, index - 1, ivars->queue, &ivars->source);
    }
    OSAction *action = nullptr;
    if (ret == kIOReturnSuccess) {
        ret = CreateActionCardInterrupt(0, &action);
    }
    if (ret == kIOReturnSuccess) {
        ret = ivars->source->SetHandler(action);
    }
    OSSafeReleaseNULL(action);
    return ret == kIOReturnSuccess ? ivars->source->SetEnable(true) : ret;
}

kern_return_t IMPL(InterruptBenchService, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret == kIOReturnSuccess) {
        ret = OpenCard(provider);
    }
    if (ret == kIOReturnSuccess) {
        ret = ConnectInterrupt();
    }
    if (ret != kIOReturnSuccess) {
        os_log(OS_LOG_DEFAULT, "InterruptBenchService: the card cannot be used: 0x%08x", ret);
        return ret;
    }
    return RegisterService();
}

kern_return_t IMPL(InterruptBenchService, Stop) {
    IOService *const device = provider;
    ivars->card->Close(this, 0);
    retain();
    return ivars->source->Cancel(^{
        Stop(device, SUPERDISPATCH);
        release();
    });
}

kern_return_t IMPL(InterruptBenchService, NewUserClient) {
    IOService *service = nullptr;
    const kern_return_t ret = Create(this, "UserClientProperties", &service);
    *userClient = OSDynamicCast(IOUserClient, service);
    return ret;
}

void IMPL(InterruptBenchService, CardInterrupt) {
    __atomic_store_n(&ivars->arrivedAt, clock_gettime_nsec_np(CLOCK_UPTIME_RAW), __ATOMIC_RELEASE);
}

uint64_t InterruptBenchService::TimeInterrupt() {
    __atomic_store_n(&ivars->arrivedAt, uint64_t{0}, __ATOMIC_RELAXED);
    const uint64_t raisedAt = clock_gettime_nsec_np(CLOCK_UPTIME_RAW);
    ivars->card->MemoryWrite32(kRegisterIndex, kInterruptTrigger, kInterruptUser);
    uint64_t arrivedAt = 0;
    while ((arrivedAt = __atomic_load_n(&ivars->arrivedAt, __ATOMIC_ACQUIRE)) == 0) {}
    return arrivedAt - raisedAt;
}
