// SPDX-License-Identifier: Apache-2.0
#include "LinkClient.h"

#include <mach/mach_time.h>

#include <DriverKit/IOLib.h>
#include <DriverKit/OSString.h>

#include "CoreProtocol.h"

struct LinkClient_IVars {
    IOService *service;  // the provider, not retained
    IOEventLink *link;
    IOWorkGroup *group;
};

namespace {

constexpr uint64_t kNanosecondsPerMillisecond = 1000000;

}  // namespace

bool LinkClient::init() {
    ivars = super::init() ? IONewZero(LinkClient_IVars, 1) : nullptr;
    return ivars != nullptr;
}

void LinkClient::free() {
    if (ivars != nullptr) {
        OSSafeReleaseNULL(ivars->link);
        OSSafeReleaseNULL(ivars->group);
    }
    IOSafeDeleteNULL(ivars, LinkClient_IVars, 1);
    super::free();
}

kern_return_t IMPL(LinkClient, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    ivars->service = provider;
    OSString *link = OSString::withCString(kLinkName);
    OSString *group = OSString::withCString(kGroupName);
    if (ret == kIOReturnSuccess) {
        ret = IOEventLink::Create(link, this, &ivars->link);
    }
    if (ret == kIOReturnSuccess) {
        ret = IOWorkGroup::Create(group, this, &ivars->group);
    }
    OSSafeReleaseNULL(link);
    OSSafeReleaseNULL(group);
    return ret;
}

kern_return_t LinkClient::Wait(uint64_t selector, IOUserClientMethodArguments *arguments) {
    const uint64_t milliseconds = arguments->scalarInputCount == 1 ? arguments->scalarInput[0] : 0;
    const uint64_t deadline = mach_absolute_time() + milliseconds * kNanosecondsPerMillisecond;
    kern_return_t ret = ivars->link->Associate(kIOEventLinkAssociateCurrentThread);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    uint64_t signals = 0;
    switch (selector) {
        case kLinkWait:
            ret = ivars->link->Wait(&signals);
            break;
        case kLinkSignalAndWait:
            ret = ivars->link->SignalAndWait(&signals);
            break;
        default:
            ret = ivars->link->WaitUntil(kIOEventLinkClockMachAbsoluteTime, deadline, &signals);
            break;
    }
    ivars->link->Disassociate();
    if (arguments->scalarOutputCount == 1) {
        arguments->scalarOutput[0] = signals;
    }
    return ret;
}

kern_return_t LinkClient::Echo(uint64_t count) {
    kern_return_t ret = ivars->link->Associate(kIOEventLinkAssociateOnWait);
    uint64_t signals = 0;
    if (ret == kIOReturnSuccess) {
        ret = ivars->link->Wait(&signals);
        for (uint64_t i = 1; i < count && ret == kIOReturnSuccess; ++i) {
            ret = ivars->link->SignalAndWaitUntil(kIOEventLinkClockMachAbsoluteTime, UINT64_MAX,
                                                  &signals);
        }
        ivars->link->Disassociate();
    }
    return ret == kIOReturnSuccess ? ivars->link->Signal() : ret;
}

kern_return_t LinkClient::TryEarly(uint64_t *results) {
    uint64_t signals = 0;
    OSString *name = OSString::withCString(kLinkName);
    IOEventLink *second = nullptr;
    results[0] = static_cast<uint32_t>(ivars->link->Signal());
    results[1] = static_cast<uint32_t>(ivars->link->Wait(&signals));
    results[2] = static_cast<uint32_t>(ivars->link->Activate());
    results[3] = static_cast<uint32_t>(IOEventLink::Create(name, this, &second));
    OSSafeReleaseNULL(name);
    return kIOReturnSuccess;
}

kern_return_t LinkClient::JoinAndLeave(uint64_t *results) {
    uint8_t token[256] = {};
    if (IOWorkGroup::GetTokenSize() > sizeof token) {
        return kIOReturnNoSpace;
    }
    results[0] = static_cast<uint32_t>(ivars->group->Join(token));
    results[1] = static_cast<uint32_t>(ivars->group->Join(token));
    results[2] = static_cast<uint32_t>(ivars->group->Leave(token));
    results[3] = static_cast<uint32_t>(ivars->group->Leave(token));
    return kIOReturnSuccess;
}

kern_return_t LinkClient::UseLink(uint64_t selector, IOUserClientMethodArguments *arguments) {
    switch (selector) {
        case kLinkActivate:
            return ivars->link->Activate();
        case kLinkSignal:
            return ivars->link->Signal();
        case kLinkCancel:
            return ivars->link->Cancel();
        case kLinkInvalidate:
            ivars->group->Invalidate();
            return ivars->link->Invalidate();
        case kLinkTerminate:
            return ivars->service->Terminate(0);
        case kLinkEcho:
            return arguments->scalarInputCount == 1 ? Echo(arguments->scalarInput[0])
                                                    : kIOReturnBadArgument;
        default:
            return kIOReturnUnsupported;
    }
}

kern_return_t LinkClient::ExternalMethod(uint64_t selector, IOUserClientMethodArguments *arguments,
                                         const IOUserClientMethodDispatch *, OSObject *, void *) {
    switch (selector) {
        case kLinkWait:
        case kLinkWaitUntil:
        case kLinkSignalAndWait:
            return Wait(selector, arguments);
        case kLinkEarly:
            return arguments->scalarOutputCount == 4 ? TryEarly(arguments->scalarOutput)
                                                     : kIOReturnBadArgument;
        case kGroupJoin:
            return arguments->scalarOutputCount == 4 ? JoinAndLeave(arguments->scalarOutput)
                                                     : kIOReturnBadArgument;
        default:
            return UseLink(selector, arguments);
    }
}
