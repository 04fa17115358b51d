// SPDX-License-Identifier: Apache-2.0
#include "MisuseClient.h"

#include <string.h>

#include <atomic>

#include <DriverKit/IOBufferMemoryDescriptor.h>
#include <DriverKit/IODMACommand.h>
#include <DriverKit/IODispatchQueue.h>
#include <DriverKit/IOLib.h>
#include <DriverKit/IOMemoryMap.h>
#include <DriverKit/OSCollections.h>

#include "MisuseCounter.h"
#include "MisuseProtocol.h"

struct MisuseClient_IVars {
    IOService *service;
    IODispatchQueue *queue;
    IOTimerDispatchSource *timer;
    OSAction *action;
    bool forgetsSuper;
    bool sleeps;
    std::atomic<bool> isAsleep;
    std::atomic<bool> isDone;
};

// One whose Stop has not called the base class's.
static std::atomic<MisuseClient *> stuckClient;

bool MisuseClient::init() {
    ivars = super::init() ? IONewZero(MisuseClient_IVars, 1) : nullptr;
    return ivars != nullptr;
}

void MisuseClient::free() {
    if (ivars != nullptr) {
        OSSafeReleaseNULL(ivars->queue);
    }
    IOSafeDeleteNULL(ivars, MisuseClient_IVars, 1);
    super::free();
}

kern_return_t IMPL(MisuseClient, Start) {
    ivars->service = provider;
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret == kIOReturnSuccess) {
        ret = IODispatchQueue::Create("Work", kIODispatchQueueReentrant, 0, &ivars->queue);
    }
    return ret;
}

kern_return_t IMPL(MisuseClient, Stop) {
    if (ivars->forgetsSuper) {
        retain();
        stuckClient = this;
        return kIOReturnSuccess;
    }
    const kern_return_t ret = Stop(provider, SUPERDISPATCH);
    // What was to come before.
    IOTimerDispatchSource *timer = ivars->timer;
    if (timer != nullptr) {
        timer->Cancel(^{ timer->release(); });
    }
    if (ivars->sleeps) {
        ivars->queue->DispatchSync(^{ ivars->queue->Wakeup(ivars); });
    }
    return ret;
}

static kern_return_t Succeed(OSObject *, void *, IOUserClientMethodArguments *) {
    return kIOReturnSuccess;
}

static const IOUserClientMethodDispatch kAnything = {
    .function = &Succeed,
    .checkCompletionExists = 0xffffffff,
    .checkScalarInputCount = kIOUserClientVariableStructureSize,
    .checkStructureInputSize = kIOUserClientVariableStructureSize,
    .checkScalarOutputCount = kIOUserClientVariableStructureSize,
    .checkStructureOutputSize = kIOUserClientVariableStructureSize,
};

kern_return_t MisuseClient::ExternalMethod(uint64_t selector,
                                           IOUserClientMethodArguments *arguments,
                                           const IOUserClientMethodDispatch *, OSObject *, void *) {
    switch (selector) {
        case kMisuseWriteInput:
            return WriteInput(arguments);
        case kMisuseDropPrepared:
            return DropPrepared();
        case kMisuseLeak:
            return Leak();
        case kMisuseDropTimer: {
            IOTimerDispatchSource *timer = nullptr;
            const kern_return_t ret = MakeTimer(&timer);
            OSSafeReleaseNULL(timer);
            return ret;
        }
        case kMisuseKeepTimer:
            return MakeTimer(&ivars->timer);
        case kMisuseKeepAction:
            return CreateActionTimeIsUp(0, &ivars->action);
        case kMisuseKeepQueue:
            return SleepOnQueue();
        case kMisuseStopWithoutSuper:
            ivars->forgetsSuper = true;
            return kIOReturnSuccess;
        case kMisuseStopLate:
            return stuckClient.load()->StopLate();
        case kMisuseWakeFromElsewhere:
            return ivars->queue->Wakeup(ivars);
        case kMisuseUnsetQueue:
            return RunOnUnsetQueue();
        case kMisuseDispatchElsewhere:
            return DispatchElsewhere(arguments);
        case kMisuseTwoOutputs:
            arguments->structureOutput = OSData::withBytes("output", 6);
            return kIOReturnSuccess;
        case kMisuseReadFreed:
            return UseFreed(false);
        case kMisuseReleaseFreed:
            return UseFreed(true);
        default:
            return super::ExternalMethod(selector, arguments, &kAnything, this, nullptr);
    }
}

kern_return_t MisuseClient::StopLate() {
    const kern_return_t ret = Stop(ivars->service, SUPERDISPATCH);
    release();
    return ret;
}

kern_return_t MisuseClient::WriteInput(IOUserClientMethodArguments *arguments) {
    IOMemoryMap *map = nullptr;
    const kern_return_t ret =
        arguments->structureInputDescriptor->CreateMapping(0, 0, 0, 0, 0, &map);
    if (ret == kIOReturnSuccess) {
        memcpy(reinterpret_cast<void *>(map->GetAddress() + 16), "written", 8);
    }
    OSSafeReleaseNULL(map);
    return ret;
}

kern_return_t MisuseClient::DropPrepared() {
    IOBufferMemoryDescriptor *buffer = nullptr;
    kern_return_t ret =
        IOBufferMemoryDescriptor::Create(kIOMemoryDirectionInOut, IOVMPageSize, 0, &buffer);
    IODMACommandSpecification specification = {};
    IODMACommand *command = nullptr;
    if (ret == kIOReturnSuccess) {
        ret = IODMACommand::Create(ivars->service->GetProvider(), 0, &specification, &command);
    }
    uint64_t flags = 0;
    uint32_t count = 1;
    IOAddressSegment segments[32] = {};
    if (ret == kIOReturnSuccess) {
        ret = command->PrepareForDMA(0, buffer, 0, 0, &flags, &count, segments);
    }
    OSSafeReleaseNULL(command);
    OSSafeReleaseNULL(buffer);
    return ret;
}

kern_return_t MisuseClient::Leak() {
    IOBufferMemoryDescriptor *buffer = nullptr;
    const kern_return_t ret =
        IOBufferMemoryDescriptor::Create(kIOMemoryDirectionInOut, IOVMPageSize, 0, &buffer);
    OSString::withCString("kept for ever");
    retain();
    return ret;
}

kern_return_t MisuseClient::MakeTimer(IOTimerDispatchSource **timer) {
    OSAction *action = nullptr;
    kern_return_t ret = IOTimerDispatchSource::Create(ivars->queue, timer);
    if (ret == kIOReturnSuccess) {
        ret = CreateActionTimeIsUp(0, &action);
    }
    if (ret == kIOReturnSuccess) {
        ret = (*timer)->SetHandler(action);
    }
    OSSafeReleaseNULL(action);
    return ret;
}

kern_return_t MisuseClient::SleepOnQueue() {
    ivars->sleeps = true;
    const kern_return_t ret = SetDispatchQueue("Unset", ivars->queue);
    ivars->queue->DispatchAsync(^{
        ivars->isAsleep = true;
        ivars->queue->Sleep(ivars, 0);
    });
    // On the queue only when the block has given it up.
    while (!ivars->isAsleep) {
        IOSleep(1);
    }
    ivars->queue->DispatchSync(^{});
    return ret;
}

kern_return_t MisuseClient::DispatchElsewhere(IOUserClientMethodArguments *arguments) {
    __block kern_return_t ret = kIOReturnError;
    ivars->queue->DispatchAsync(^{
        ret = super::ExternalMethod(kMisuseNothing, arguments, &kAnything, this, nullptr);
        ivars->isDone = true;
    });
    while (!ivars->isDone) {
        IOSleep(1);
    }
    return ret;
}

kern_return_t MisuseClient::UseFreed(bool releases) {
    MisuseCounter *counter = OSTypeAlloc(MisuseCounter);
    if (!counter->init()) {
        return kIOReturnNoMemory;
    }
    counter->release();
    if (releases) {
        counter->release();
        return kIOReturnSuccess;
    }
    return counter->Value() == 0 ? kIOReturnSuccess : kIOReturnError;
}

kern_return_t IMPL(MisuseClient, RunOnUnsetQueue) {
    return kIOReturnSuccess;
}

void IMPL(MisuseClient, TimeIsUp) {
    (void)action;
    (void)time;
}
