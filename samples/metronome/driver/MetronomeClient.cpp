// SPDX-License-Identifier: Apache-2.0
#include "MetronomeClient.h"

#include <string.h>

#include <DriverKit/IOLib.h>
#include <DriverKit/IOMemoryDescriptor.h>
#include <DriverKit/OSAction.h>
#include <DriverKit/OSCollections.h>

#include "MetronomeDriver.h"
#include "MetronomeProtocol.h"

struct MetronomeClient_IVars {
    MetronomeDriver *driver;
    OSAction *beats;  // the application's completion
};

bool MetronomeClient::init() {
    if (!super::init()) {
        return false;
    }
    ivars = IONewZero(MetronomeClient_IVars, 1);
    return ivars != nullptr;
}

void MetronomeClient::free() {
    if (ivars != nullptr) {
        OSSafeReleaseNULL(ivars->beats);
        OSSafeReleaseNULL(ivars->driver);
    }
    IOSafeDeleteNULL(ivars, MetronomeClient_IVars, 1);
    super::free();
}

kern_return_t IMPL(MetronomeClient, Start) {
    const kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    ivars->driver = OSDynamicCast(MetronomeDriver, provider);
    if (ivars->driver == nullptr) {
        return kIOReturnBadArgument;
    }
    ivars->driver->retain();
    // Calls and beats take turns.
    IODispatchQueue *queue = nullptr;
    kern_return_t queued = ivars->driver->CopyDispatchQueue(kIOServiceDefaultQueueName, &queue);
    if (queued == kIOReturnSuccess) {
        queued = SetDispatchQueue(kIOServiceDefaultQueueName, queue);
    }
    OSSafeReleaseNULL(queue);
    return queued;
}

kern_return_t IMPL(MetronomeClient, Stop) {
    ivars->driver->Unfollow(this);
    return Stop(provider, SUPERDISPATCH);
}

kern_return_t MetronomeClient::SetTempo(IOUserClientMethodArguments *arguments) {
    MetronomeTempo tempo = {};
    if (arguments->structureInput == nullptr ||
        arguments->structureInput->getLength() != sizeof(tempo)) {
        return kIOReturnBadArgument;
    }
    memcpy(&tempo, arguments->structureInput->getBytesNoCopy(), sizeof(tempo));
    if (tempo.period_ns < kMetronomeShortestPeriod) {
        return kIOReturnBadArgument;
    }
    return ivars->driver->SetPeriod(tempo.period_ns);
}

kern_return_t MetronomeClient::Follow(IOUserClientMethodArguments *arguments) {
    if (arguments->completion == nullptr) {
        return kIOReturnBadArgument;
    }
    arguments->completion->retain();
    OSSafeReleaseNULL(ivars->beats);
    ivars->beats = arguments->completion;
    ivars->driver->Follow(this);
    return kIOReturnSuccess;
}

void MetronomeClient::SendBeat(uint64_t number) {
    const IOUserClientAsyncArgumentsArray words = {number};
    AsyncCompletion(ivars->beats, kIOReturnSuccess, words, 1);
}

kern_return_t MetronomeClient::ExternalMethod(uint64_t selector,
                                              IOUserClientMethodArguments *arguments,
                                              const IOUserClientMethodDispatch *dispatch,
                                              OSObject *target, void *reference) {
    (void)dispatch;
    (void)target;
    (void)reference;
    switch (selector) {
        case kMetronomeStart:
            return SetTempo(arguments);
        case kMetronomeStop:
            return ivars->driver->SetPeriod(0);
        case kMetronomeCount:
            if (arguments->scalarOutputCount != 1) {
                return kIOReturnBadArgument;
            }
            arguments->scalarOutput[0] = ivars->driver->NumBeats();
            return kIOReturnSuccess;
        case kMetronomeFollow:
            return Follow(arguments);
        default:
            return kIOReturnBadArgument;
    }
}

kern_return_t IMPL(MetronomeClient, CopyClientMemoryForType) {
    if (type != 0) {
        return kIOReturnBadArgument;
    }
    *options = kIOUserClientMemoryReadOnly;
    *memory = ivars->driver->CopyStatus();
    return kIOReturnSuccess;
}
