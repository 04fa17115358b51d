// SPDX-License-Identifier: Apache-2.0
#include "NotificationClient.h"

#include <atomic>

#include <DriverKit/IODispatchQueue.h>
#include <DriverKit/IOLib.h>
#include <DriverKit/OSCollections.h>

#include "CoreNub.h"
#include "CoreProtocol.h"
#include "CoreService.h"

struct NotificationClient_IVars {
    CoreService *service;  // the provider, not retained
    CoreNub *nub;
    IODispatchQueue *queue;
    IOServiceNotificationDispatchSource *source;
    OSAction *action;
    std::atomic<bool> holds;
    uint64_t counts[5];  // kWatchCounts; used on the queue only
    std::atomic<uint64_t> num_cancelled;
};

bool NotificationClient::init() {
    ivars = super::init() ? IONewZero(NotificationClient_IVars, 1) : nullptr;
    return ivars != nullptr;
}

void NotificationClient::free() {
    if (ivars != nullptr) {
        OSSafeReleaseNULL(ivars->source);
        OSSafeReleaseNULL(ivars->action);
        OSSafeReleaseNULL(ivars->queue);
        OSSafeReleaseNULL(ivars->nub);
    }
    IOSafeDeleteNULL(ivars, NotificationClient_IVars, 1);
    super::free();
}

kern_return_t IMPL(NotificationClient, Start) {
    ivars->service = OSDynamicCast(CoreService, provider);
    const kern_return_t ret = Start(provider, SUPERDISPATCH);
    return ret == kIOReturnSuccess ? CopyDispatchQueue(kIOServiceDefaultQueueName, &ivars->queue)
                                   : ret;
}

kern_return_t IMPL(NotificationClient, Stop) {
    EndNub();
    CancelWatch();
    // It holds this object.
    OSSafeReleaseNULL(ivars->action);
    return Stop(provider, SUPERDISPATCH);
}

namespace {

OSDictionary *MatchingOf(uint64_t form) {
    switch (form) {
        case kWatchUserClass:
            return IOService::CreateUserClassMatchingDictionary(kNubName, nullptr);
        case kWatchName:
            return IOService::CreateNameMatchingDictionary(kNeighbourName, nullptr);
        case kWatchProperty:
            return IOService::CreatePropertyMatchingDictionary("CoreKind", "nub", nullptr);
        case kWatchKernelClass:
            return IOService::CreateKernelClassMatchingDictionary("IOUserService", nullptr);
        default:
            return nullptr;
    }
}

}  // namespace

kern_return_t NotificationClient::BeginWatch(uint64_t form) {
    OSDictionary *matching = MatchingOf(form);
    kern_return_t ret =
        IOServiceNotificationDispatchSource::Create(matching, 0, ivars->queue, &ivars->source);
    OSSafeReleaseNULL(matching);
    if (ret == kIOReturnSuccess) {
        ret = CreateActionServicesChanged(0, &ivars->action);
    }
    return ret == kIOReturnSuccess ? ivars->source->SetHandler(ivars->action) : ret;
}

kern_return_t NotificationClient::TryBadArguments(uint64_t *results) {
    IOServiceNotificationDispatchSource *none = nullptr;
    OSDictionary *matching = MatchingOf(kWatchName);
    OSAction *other = nullptr;
    kern_return_t ret = CreateActionDataArrived(0, &other);
    results[0] = static_cast<uint32_t>(
        IOServiceNotificationDispatchSource::Create(matching, 1, ivars->queue, &none));
    results[1] = static_cast<uint32_t>(
        IOServiceNotificationDispatchSource::Create(nullptr, 0, ivars->queue, &none));
    results[2] = static_cast<uint32_t>(ivars->source->SetHandler(other));
    OSSafeReleaseNULL(matching);
    OSSafeReleaseNULL(other);
    return ret;
}

void NotificationClient::Count(uint64_t type, IOService *service) {
    if (type == kIOServiceNotificationTypeTerminated) {
        ++ivars->counts[4];
        return;
    }
    ++ivars->counts[1];
    if (OSDynamicCast(CoreNub, service) != nullptr) {
        ++ivars->counts[2];
    }
    OSString *name = nullptr;
    if (service->CopyName(&name) == kIOReturnSuccess && name->isEqualTo(kNeighbourName)) {
        ++ivars->counts[3];
    }
    OSSafeReleaseNULL(name);
}

kern_return_t NotificationClient::Deliver() {
    return ivars->source->DeliverNotifications(
        ^(uint64_t type, IOService *service, uint64_t) { Count(type, service); });
}

void IMPL(NotificationClient, ServicesChanged) {
    ++ivars->counts[0];
    if (!ivars->holds) {
        Deliver();
    }
}

void IMPL(NotificationClient, DataArrived) {}

kern_return_t NotificationClient::CancelWatch() {
    if (ivars->source == nullptr) {
        return kIOReturnSuccess;
    }
    retain();
    return ivars->source->Cancel(^{
        ++ivars->num_cancelled;
        release();
    });
}

kern_return_t NotificationClient::EndNub() {
    const kern_return_t ret =
        ivars->nub != nullptr ? ivars->nub->Terminate(0) : kIOReturnBadArgument;
    OSSafeReleaseNULL(ivars->nub);
    return ret;
}

kern_return_t NotificationClient::UseWatch(uint64_t selector,
                                           IOUserClientMethodArguments *arguments) {
    uint64_t *output = arguments->scalarOutput;
    const uint64_t input = arguments->scalarInputCount == 1 ? arguments->scalarInput[0] : 0;
    switch (selector) {
        case kWatchHold:
            ivars->holds = input != 0;
            return kIOReturnSuccess;
        case kWatchEnable:
            return ivars->source->SetEnable(input != 0);
        case kWatchDeliver:
            return Deliver();
        case kWatchCancel:
            return CancelWatch();
        case kWatchBadArguments:
            return arguments->scalarOutputCount == 3 ? TryBadArguments(output)
                                                     : kIOReturnBadArgument;
        default:
            return kIOReturnUnsupported;
    }
}

kern_return_t NotificationClient::ExternalMethod(uint64_t selector,
                                                 IOUserClientMethodArguments *arguments,
                                                 const IOUserClientMethodDispatch *, OSObject *,
                                                 void *) {
    switch (selector) {
        case kWatchBegin:
            return arguments->scalarInputCount == 1 && ivars->source == nullptr
                       ? BeginWatch(arguments->scalarInput[0])
                       : kIOReturnBadArgument;
        case kWatchCounts:
            if (arguments->scalarOutputCount != 5) {
                return kIOReturnBadArgument;
            }
            memcpy(arguments->scalarOutput, ivars->counts, sizeof ivars->counts);
            return kIOReturnSuccess;
        case kWatchCancelled:
            if (arguments->scalarOutputCount != 1) {
                return kIOReturnBadArgument;
            }
            arguments->scalarOutput[0] = ivars->num_cancelled;
            return kIOReturnSuccess;
        case kNubMake:
            OSSafeReleaseNULL(ivars->nub);
            return ivars->service->MakeNub(&ivars->nub);
        case kNubTerminate:
            return EndNub();
        default:
            return ivars->source != nullptr ? UseWatch(selector, arguments) : kIOReturnBadArgument;
    }
}
