// SPDX-License-Identifier: Apache-2.0
#include "MetronomeDriver.h"

#include <time.h>

#include <DriverKit/IOBufferMemoryDescriptor.h>
#include <DriverKit/IOLib.h>
#include <DriverKit/IOMemoryMap.h>
#include <DriverKit/IOUserClient.h>
#include <DriverKit/OSAction.h>
#include <PCIDriverKit/PCIDriverKit.h>
#include <os/log.h>

#include "MetronomeClient.h"
#include "MetronomeProtocol.h"

static const uint32_t kAllOnes = 0xFFFFFFFF;

struct MetronomeDriver_IVars {
    IOPCIDevice *pci;  // open; borrowed from the provider
    IOTimerDispatchSource *timer;
    OSAction *due;
    IOBufferMemoryDescriptor *status;
    IOMemoryMap *status_map;
    MetronomeClient *follower;  // not retained: it leaves before it ends
    uint64_t period;            // 0: silent
    uint64_t next_beat;         // of the monotonic clock
};

static MetronomeStatus *StatusOf(IOMemoryMap *map) {
    return reinterpret_cast<MetronomeStatus *>(map->GetAddress());
}

bool MetronomeDriver::init() {
    if (!super::init()) {
        return false;
    }
    ivars = IONewZero(MetronomeDriver_IVars, 1);
    return ivars != nullptr;
}

void MetronomeDriver::free() {
    if (ivars != nullptr) {
        OSSafeReleaseNULL(ivars->status_map);
        OSSafeReleaseNULL(ivars->status);
        OSSafeReleaseNULL(ivars->due);
        OSSafeReleaseNULL(ivars->timer);
    }
    IOSafeDeleteNULL(ivars, MetronomeDriver_IVars, 1);
    super::free();
}

kern_return_t IMPL(MetronomeDriver, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    ret = OpenCard(provider);
    if (ret == kIOReturnSuccess) {
        ret = MakeStatus();
    }
    if (ret == kIOReturnSuccess) {
        ret = MakeTimer();
    }
    if (ret == kIOReturnSuccess) {
        ret = RegisterService();
    }
    if (ret != kIOReturnSuccess) {
        os_log(OS_LOG_DEFAULT, "MetronomeDriver: Start failed: 0x%08x", ret);
        UndoStart();
        Stop(provider, SUPERDISPATCH);
    }
    return ret;
}

kern_return_t MetronomeDriver::OpenCard(IOService *provider) {
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
    pci->ConfigurationWrite16(kIOPCIConfigurationOffsetCommand, command | kIOPCICommandMemorySpace);
    return kIOReturnSuccess;
}

kern_return_t MetronomeDriver::MakeStatus() {
    kern_return_t ret =
        IOBufferMemoryDescriptor::Create(kIOMemoryDirectionInOut, IOVMPageSize, 0, &ivars->status);
    if (ret == kIOReturnSuccess) {
        ret = ivars->status->CreateMapping(0, 0, 0, 0, 0, &ivars->status_map);
    }
    return ret;
}

kern_return_t MetronomeDriver::MakeTimer() {
    IODispatchQueue *queue = nullptr;
    kern_return_t ret = CopyDispatchQueue(kIOServiceDefaultQueueName, &queue);
    if (ret == kIOReturnSuccess) {
        ret = IOTimerDispatchSource::Create(queue, &ivars->timer);
    }
    OSSafeReleaseNULL(queue);
    if (ret == kIOReturnSuccess) {
        ret = CreateActionBeatDue(0, &ivars->due);
    }
    if (ret == kIOReturnSuccess) {
        ret = ivars->timer->SetHandler(ivars->due);
    }
    return ret;
}

// A Start that fails is not followed by a Stop. The action holds on to its target, this driver.
void MetronomeDriver::UndoStart() {
    OSSafeReleaseNULL(ivars->due);
    if (ivars->timer != nullptr) {
        IOTimerDispatchSource *timer = ivars->timer;
        ivars->timer = nullptr;
        timer->Cancel(^{ timer->release(); });
    }
    if (ivars->pci != nullptr) {
        ivars->pci->Close(this, 0);
        ivars->pci = nullptr;
    }
}

// The timer and its action end asynchronously; the last of them closes the card and lets the base class finish.
kern_return_t IMPL(MetronomeDriver, Stop) {
    __block _Atomic uint32_t pending = 2;
    retain();
    provider->retain();
    void (^finish)(void) = ^{
        if (__c11_atomic_fetch_sub(&pending, 1U, __ATOMIC_ACQ_REL) == 1) {
            ivars->pci->Close(this, 0);
            ivars->pci = nullptr;
            Stop(provider, SUPERDISPATCH);
            provider->release();
            release();
        }
    };
    ivars->timer->Cancel(finish);
    ivars->due->Cancel(finish);
    return kIOReturnSuccess;
}

kern_return_t IMPL(MetronomeDriver, NewUserClient) {
    (void)type;
    IOService *service = nullptr;
    const kern_return_t ret = Create(this, "UserClientProperties", &service);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    *userClient = OSDynamicCast(IOUserClient, service);
    if (*userClient == nullptr) {
        service->release();
        return kIOReturnError;
    }
    return kIOReturnSuccess;
}

kern_return_t MetronomeDriver::SetTimer() {
    ivars->next_beat += ivars->period;
    return ivars->timer->WakeAtTime(kIOTimerClockMonotonicRaw, ivars->next_beat, 0);
}

kern_return_t MetronomeDriver::SetPeriod(uint64_t period) {
    ivars->period = period;
    if (period == 0) {
        return kIOReturnSuccess;
    }
    ivars->next_beat = clock_gettime_nsec_np(CLOCK_MONOTONIC_RAW);
    return SetTimer();
}

uint64_t MetronomeDriver::NumBeats() {
    return StatusOf(ivars->status_map)->num_beats;
}

IOMemoryDescriptor *MetronomeDriver::CopyStatus() {
    ivars->status->retain();
    return ivars->status;
}

void MetronomeDriver::Follow(MetronomeClient *client) {
    ivars->follower = client;
}

void MetronomeDriver::Unfollow(MetronomeClient *client) {
    if (ivars->follower == client) {
        ivars->follower = nullptr;
    }
}

void IMPL(MetronomeDriver, BeatDue) {
    (void)action;
    (void)time;
    if (ivars->period == 0) {
        return;
    }
    uint32_t beats = kAllOnes;
    ivars->pci->MemoryWrite32(0, kMetronomeRegisterStrike, kMetronomeStrike);
    ivars->pci->MemoryRead32(0, kMetronomeRegisterBeats, &beats);
    if (beats == kAllOnes) {
        os_log(OS_LOG_DEFAULT, "MetronomeDriver: the card is gone");
        ivars->period = 0;
        return;
    }
    StatusOf(ivars->status_map)->num_beats = beats;
    if (ivars->follower != nullptr) {
        ivars->follower->SendBeat(beats);
    }
    SetTimer();
}
