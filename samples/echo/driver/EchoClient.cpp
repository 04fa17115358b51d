// SPDX-License-Identifier: Apache-2.0
#include "EchoClient.h"

#include <time.h>

#include <DriverKit/IOLib.h>
#include <DriverKit/OSAction.h>
#include <opendext/toolkit.h>
#include <os/log.h>

#include "EchoProtocol.h"

using opendext::toolkit::ConstBytes;
using opendext::toolkit::MethodInput;
using opendext::toolkit::MethodOutput;

struct EchoClient_IVars {
    IODispatchQueue *queue;
    IOTimerDispatchSource *timer;
    OSAction *answer;      // its reference memory holds the pair to answer
    OSAction *subscriber;  // the application's completion, kept for events
};

static const IOUserClientMethodDispatch kMethods[kEchoSelectorCount] = {
    [kEchoScalars] =
        {
            .function = &EchoClient::HandleScalars,
            .checkCompletionExists = 0,
            .checkScalarInputCount = kIOUserClientVariableStructureSize,
            .checkStructureInputSize = 0,
            .checkScalarOutputCount = kIOUserClientVariableStructureSize,
            .checkStructureOutputSize = 0,
        },
    [kEchoStruct] =
        {
            .function = &EchoClient::HandleStruct,
            .checkCompletionExists = 0,
            .checkScalarInputCount = 0,
            .checkStructureInputSize = kIOUserClientVariableStructureSize,
            .checkScalarOutputCount = 0,
            .checkStructureOutputSize = kIOUserClientVariableStructureSize,
        },
    [kEchoCheckedScalars] =
        {
            .function = &EchoClient::HandleScalars,
            .checkCompletionExists = 0,
            .checkScalarInputCount = 16,
            .checkStructureInputSize = 0,
            .checkScalarOutputCount = 16,
            .checkStructureOutputSize = 0,
        },
    [kEchoCheckedStruct] =
        {
            .function = &EchoClient::HandleStruct,
            .checkCompletionExists = 0,
            .checkScalarInputCount = 0,
            .checkStructureInputSize = sizeof(EchoPair),
            .checkScalarOutputCount = 0,
            .checkStructureOutputSize = sizeof(EchoPair),
        },
    [kEchoSubscribe] =
        {
            .function = &EchoClient::HandleSubscribe,
            .checkCompletionExists = 1,
            .checkScalarInputCount = 0,
            .checkStructureInputSize = sizeof(EchoPair),
            .checkScalarOutputCount = 0,
            .checkStructureOutputSize = sizeof(EchoPair),
        },
    [kEchoRequest] =
        {
            .function = &EchoClient::HandleRequest,
            .checkCompletionExists = kIOUserClientVariableStructureSize,
            .checkScalarInputCount = 0,
            .checkStructureInputSize = sizeof(EchoPair),
            .checkScalarOutputCount = 0,
            .checkStructureOutputSize = 0,
        },
};

static EchoPair Echo(const EchoPair &pair) {
    return EchoPair{pair.left + 1, pair.right + 10};
}

bool EchoClient::init() {
    if (!super::init()) {
        return false;
    }
    ivars = IONewZero(EchoClient_IVars, 1);
    return ivars != nullptr;
}

void EchoClient::free() {
    if (ivars != nullptr) {
        OSSafeReleaseNULL(ivars->subscriber);
        OSSafeReleaseNULL(ivars->answer);
        OSSafeReleaseNULL(ivars->timer);
        OSSafeReleaseNULL(ivars->queue);
    }
    IOSafeDeleteNULL(ivars, EchoClient_IVars, 1);
    super::free();
}

kern_return_t IMPL(EchoClient, Start) {
    kern_return_t ret = Start(provider, SUPERDISPATCH);
    // The calls run on this queue too, so that an answer and a new request take turns.
    if (ret == kIOReturnSuccess) {
        ret = CopyDispatchQueue(kIOServiceDefaultQueueName, &ivars->queue);
    }
    if (ret == kIOReturnSuccess) {
        ret = IOTimerDispatchSource::Create(ivars->queue, &ivars->timer);
    }
    if (ret == kIOReturnSuccess) {
        ret = CreateActionAnswerDue(sizeof(EchoPair), &ivars->answer);
    }
    if (ret == kIOReturnSuccess) {
        ret = ivars->timer->SetHandler(ivars->answer);
    }
    if (ret != kIOReturnSuccess) {
        os_log(OS_LOG_DEFAULT, "EchoClient: Start failed: 0x%08x", ret);
    }
    return ret;
}

// The timer and its action end asynchronously; the last of them lets the base class finish the stop.
kern_return_t IMPL(EchoClient, Stop) {
    __block _Atomic uint32_t pending = 2;
    if (ivars->timer == nullptr || ivars->answer == nullptr) {
        return Stop(provider, SUPERDISPATCH);
    }
    retain();
    provider->retain();
    void (^finish)(void) = ^{
        if (__c11_atomic_fetch_sub(&pending, 1U, __ATOMIC_ACQ_REL) == 1) {
            Stop(provider, SUPERDISPATCH);
            provider->release();
            release();
        }
    };
    ivars->timer->Cancel(finish);
    ivars->answer->Cancel(finish);
    return kIOReturnSuccess;
}

kern_return_t EchoClient::ExternalMethod(uint64_t selector, IOUserClientMethodArguments *arguments,
                                         const IOUserClientMethodDispatch *dispatch,
                                         OSObject *target, void *reference) {
    if (selector >= kEchoSelectorCount) {
        return kIOReturnBadArgument;
    }
    dispatch = &kMethods[selector];
    if (target == nullptr) {
        target = this;
    }
    return super::ExternalMethod(selector, arguments, dispatch, target, reference);
}

kern_return_t EchoClient::HandleScalars(OSObject *, void *,
                                        IOUserClientMethodArguments *arguments) {
    if (arguments->scalarInputCount != arguments->scalarOutputCount) {
        return kIOReturnBadArgument;
    }
    for (uint32_t i = 0; i < arguments->scalarInputCount; ++i) {
        arguments->scalarOutput[i] = arguments->scalarInput[i] + 1;
    }
    return kIOReturnSuccess;
}

// An EchoPair travels in the call, an EchoBlock as a descriptor of the client's memory: both begin
// with the pair.
kern_return_t EchoClient::HandleStruct(OSObject *, void *, IOUserClientMethodArguments *arguments) {
    MethodInput input(arguments);
    MethodOutput output(arguments);
    if (input.size() != sizeof(EchoPair) && input.size() != sizeof(EchoBlock)) {
        return kIOReturnBadArgument;
    }
    ConstBytes question;
    kern_return_t ret = input.GetBytes(&question);
    if (ret == kIOReturnSuccess) {
        ret = output.Append(question);
    }
    if (ret == kIOReturnSuccess) {
        EchoPair pair = {};
        memcpy(&pair, question.data, sizeof(pair));
        pair = Echo(pair);
        ret = output.Write(0, ConstBytes(&pair, sizeof(pair)));
    }
    return ret == kIOReturnSuccess ? output.Finish() : ret;
}

// A call with a pair, whose answer comes later.
kern_return_t EchoClient::ScheduleAnswer(const IOUserClientMethodArguments *arguments) {
    EchoPair pair = {};
    const kern_return_t ret = MethodInput(arguments).ReadValue(&pair);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    memcpy(ivars->answer->GetReference(), &pair, sizeof(pair));
    const uint64_t now = clock_gettime_nsec_np(CLOCK_MONOTONIC_RAW);
    return ivars->timer->WakeAtTime(kIOTimerClockMonotonicRaw,
                                    now + kEchoDelayMilliseconds * 1000000ULL, 0);
}

kern_return_t EchoClient::HandleSubscribe(OSObject *target, void *reference,
                                          IOUserClientMethodArguments *arguments) {
    EchoClient *self = OSDynamicCast(EchoClient, target);
    if (self == nullptr) {
        return kIOReturnError;
    }
    kern_return_t ret = HandleStruct(target, reference, arguments);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    arguments->completion->retain();
    OSSafeReleaseNULL(self->ivars->subscriber);
    self->ivars->subscriber = arguments->completion;
    return self->ScheduleAnswer(arguments);
}

kern_return_t EchoClient::HandleRequest(OSObject *target, void *,
                                        IOUserClientMethodArguments *arguments) {
    EchoClient *self = OSDynamicCast(EchoClient, target);
    if (self == nullptr || self->ivars->subscriber == nullptr) {
        return kIOReturnNotReady;
    }
    return self->ScheduleAnswer(arguments);
}

void IMPL(EchoClient, AnswerDue) {
    (void)time;
    EchoPair pair = {};
    memcpy(&pair, action->GetReference(), sizeof(pair));
    const EchoPair answer = Echo(pair);
    const uint64_t event[kEchoEventWords] = {2, answer.left, answer.right};
    if (ivars->subscriber != nullptr) {
        AsyncCompletion(ivars->subscriber, kIOReturnSuccess, event, kEchoEventWords);
    }
}
