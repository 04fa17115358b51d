// SPDX-License-Identifier: Apache-2.0
#include "StateClient.h"

#include <stdio.h>

#include <atomic>

#include <DriverKit/IODispatchQueue.h>
#include <DriverKit/IOLib.h>
#include <DriverKit/OSCollections.h>

#include "CoreProtocol.h"

struct StateClient_IVars {
    IOService *services[2];
    IODispatchQueue *queue;
    IOServiceStateNotificationDispatchSource *source;
    OSAction *action;
    uint64_t watched_service;
    uint64_t watched_item;
    std::atomic<bool> holds;
    std::atomic<uint64_t> num_calls;
    std::atomic<uint64_t> last_value;
    std::atomic<uint64_t> num_cancelled;
};

namespace {

OSString *NameOf(uint64_t item) {
    char name[64];
    snprintf(name, sizeof name, "org.opendext.test.%llu", static_cast<unsigned long long>(item));
    return OSString::withCString(name);
}

OSDictionary *ValueOf(uint64_t number) {
    OSDictionary *value = OSDictionary::withCapacity(1);
    OSDictionarySetUInt64Value(value, "number", number);
    return value;
}

kern_return_t Copy(IOService *service, uint64_t item, uint64_t *number) {
    OSString *name = NameOf(item);
    OSDictionary *value = nullptr;
    const kern_return_t ret = service->StateNotificationItemCopy(name, &value);
    if (ret == kIOReturnSuccess) {
        *number = OSDictionaryGetUInt64Value(value, "number");
    }
    OSSafeReleaseNULL(value);
    OSSafeReleaseNULL(name);
    return ret;
}

}  // namespace

bool StateClient::init() {
    ivars = super::init() ? IONewZero(StateClient_IVars, 1) : nullptr;
    return ivars != nullptr;
}

void StateClient::free() {
    if (ivars != nullptr) {
        OSSafeReleaseNULL(ivars->source);
        OSSafeReleaseNULL(ivars->action);
        OSSafeReleaseNULL(ivars->queue);
        OSSafeReleaseNULL(ivars->services[0]);
    }
    IOSafeDeleteNULL(ivars, StateClient_IVars, 1);
    super::free();
}

kern_return_t IMPL(StateClient, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    ivars->services[1] = provider;
    if (ret == kIOReturnSuccess) {
        ret = CopySystemStateNotificationService(&ivars->services[0]);
    }
    return ret == kIOReturnSuccess ? CopyDispatchQueue(kIOServiceDefaultQueueName, &ivars->queue)
                                   : ret;
}

kern_return_t IMPL(StateClient, Stop) {
    CancelWatch();
    OSSafeReleaseNULL(ivars->action);
    return Stop(provider, SUPERDISPATCH);
}

void IMPL(StateClient, StatesChanged) {
    if (!ivars->holds) {
        ivars->source->StateNotificationBegin();
    }
    uint64_t value = 0;
    if (Copy(ivars->services[ivars->watched_service], ivars->watched_item, &value) ==
        kIOReturnSuccess) {
        ivars->last_value = value;
    }
    ++ivars->num_calls;
}

kern_return_t StateClient::UseItem(uint64_t selector, IOUserClientMethodArguments *arguments) {
    const uint64_t *input = arguments->scalarInput;
    const uint32_t count = arguments->scalarInputCount;
    if (count < 2 || input[0] > 1) {
        return kIOReturnBadArgument;
    }
    IOService *service = ivars->services[input[0]];
    if (selector == kStateCopy) {
        return arguments->scalarOutputCount == 1 ? Copy(service, input[1], arguments->scalarOutput)
                                                 : kIOReturnBadArgument;
    }
    OSString *name = NameOf(input[1]);
    OSDictionary *value = count == 3 ? ValueOf(input[2]) : nullptr;
    const kern_return_t ret = selector == kStateCreate
                                  ? service->StateNotificationItemCreate(name, value)
                                  : service->StateNotificationItemSet(name, value);
    OSSafeReleaseNULL(value);
    OSSafeReleaseNULL(name);
    return ret;
}

kern_return_t StateClient::Watch(const uint64_t *input) {
    ivars->watched_service = input[0];
    ivars->watched_item = input[1];
    OSArray *items = OSArray::withCapacity(2);
    for (int i = 1; i <= 2; ++i) {
        OSString *name = NameOf(input[i]);
        items->setObject(name);
        OSSafeReleaseNULL(name);
    }
    kern_return_t ret = IOServiceStateNotificationDispatchSource::Create(
        ivars->services[input[0]], items, ivars->queue, &ivars->source);
    OSSafeReleaseNULL(items);
    if (ret == kIOReturnSuccess) {
        ret = CreateActionStatesChanged(0, &ivars->action);
    }
    return ret == kIOReturnSuccess ? ivars->source->SetHandler(ivars->action) : ret;
}

kern_return_t StateClient::CancelWatch() {
    if (ivars->source == nullptr) {
        return kIOReturnSuccess;
    }
    retain();
    return ivars->source->Cancel(^{
        ++ivars->num_cancelled;
        release();
    });
}

kern_return_t StateClient::TryBadArguments(uint64_t *results) {
    using Source = IOServiceStateNotificationDispatchSource;
    Source *none = nullptr;
    OSArray *items = OSArray::withCapacity(1);
    results[0] =
        static_cast<uint32_t>(Source::Create(ivars->services[0], items, ivars->queue, &none));
    OSArraySetUInt64Value(items, kOSArrayAppend, 1);
    results[1] =
        static_cast<uint32_t>(Source::Create(ivars->services[0], items, ivars->queue, &none));
    results[2] = static_cast<uint32_t>(Source::Create(nullptr, items, ivars->queue, &none));
    OSSafeReleaseNULL(items);
    return kIOReturnSuccess;
}

kern_return_t StateClient::UseWatch(uint64_t selector, IOUserClientMethodArguments *arguments) {
    const uint64_t input = arguments->scalarInputCount == 1 ? arguments->scalarInput[0] : 0;
    switch (selector) {
        case kStateHold:
            ivars->holds = input != 0;
            return kIOReturnSuccess;
        case kStateBegin:
            return ivars->source->StateNotificationBegin();
        case kStateEnable:
            return ivars->source->SetEnable(input != 0);
        case kStateCancel:
            return CancelWatch();
        default:
            return kIOReturnUnsupported;
    }
}

kern_return_t StateClient::ExternalMethod(uint64_t selector, IOUserClientMethodArguments *arguments,
                                          const IOUserClientMethodDispatch *, OSObject *, void *) {
    switch (selector) {
        case kStateCreate:
        case kStateSet:
        case kStateCopy:
            return UseItem(selector, arguments);
        case kStateWatch:
            return arguments->scalarInputCount == 3 && arguments->scalarInput[0] <= 1 &&
                           ivars->source == nullptr
                       ? Watch(arguments->scalarInput)
                       : kIOReturnBadArgument;
        case kStateCounts:
            if (arguments->scalarOutputCount != 3) {
                return kIOReturnBadArgument;
            }
            arguments->scalarOutput[0] = ivars->num_calls;
            arguments->scalarOutput[1] = ivars->last_value;
            arguments->scalarOutput[2] = ivars->num_cancelled;
            return kIOReturnSuccess;
        case kStateBadArguments:
            return arguments->scalarOutputCount == 3 ? TryBadArguments(arguments->scalarOutput)
                                                     : kIOReturnBadArgument;
        default:
            return ivars->source != nullptr ? UseWatch(selector, arguments) : kIOReturnBadArgument;
    }
}
