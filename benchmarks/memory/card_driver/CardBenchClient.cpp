// SPDX-License-Identifier: Apache-2.0
#include "CardBenchClient.h"

#include <time.h>

#include <DriverKit/IOLib.h>
#include <PCIDriverKit/PCIDriverKit.h>
#include <opendext/toolkit.h>

#include "CardBenchProtocol.h"
#include "CardBenchService.h"
#include "CardRegisters.h"
#include "DmaLoopback.h"

namespace toolkit = opendext::toolkit;

struct CardBenchClient_IVars {
    CardBenchService *service;
    DmaLoopback loopback;
};

// In the order of CardBenchSelector.
static const IOUserClientMethodDispatch kMethods[kCardBenchSelectorCount] = {
    {
        .function = &CardBenchClient::Read,
        .checkCompletionExists = 0,
        .checkScalarInputCount = 1,
        .checkStructureInputSize = 0,
        .checkScalarOutputCount = 0,
        .checkStructureOutputSize = kIOUserClientVariableStructureSize,
    },
    {
        .function = &CardBenchClient::Loopback,
        .checkCompletionExists = 0,
        .checkScalarInputCount = 1,
        .checkStructureInputSize = 0,
        .checkScalarOutputCount = 2,
        .checkStructureOutputSize = 0,
    },
};

bool CardBenchClient::init() {
    if (!super::init()) {
        return false;
    }
    ivars = IONewZero(CardBenchClient_IVars, 1);
    return ivars != nullptr;
}

void CardBenchClient::free() {
    if (ivars != nullptr) {
        ivars->loopback.Reset();
        OSSafeReleaseNULL(ivars->service);
    }
    IOSafeDeleteNULL(ivars, CardBenchClient_IVars, 1);
    super::free();
}

kern_return_t IMPL(CardBenchClient, Start) {
    const kern_return_t ret = Start(provider, SUPERDISPATCH);
    if (ret != kIOReturnSuccess) {
        return ret;
    }
    ivars->service = OSDynamicCast(CardBenchService, provider);
    if (ivars->service == nullptr) {
        return kIOReturnBadArgument;
    }
    ivars->service->retain();
    return kIOReturnSuccess;
}

kern_return_t CardBenchClient::ExternalMethod(uint64_t selector,
                                              IOUserClientMethodArguments *arguments,
                                              const IOUserClientMethodDispatch *, OSObject *,
                                              void *reference) {
    if (selector >= kCardBenchSelectorCount) {
        return kIOReturnBadArgument;
    }
    if (ivars->service->Card() == nullptr) {
        return kIOReturnNotReady;
    }
    return super::ExternalMethod(selector, arguments, &kMethods[selector], this, reference);
}

kern_return_t CardBenchClient::Read(OSObject *target, void *,
                                    IOUserClientMethodArguments *arguments) {
    CardBenchClient *client = OSDynamicCast(CardBenchClient, target);
    uint64_t samples[512];
    toolkit::MethodOutput output(arguments);
    const uint64_t numSamples = output.capacity() / sizeof(samples[0]);
    if (client == nullptr || numSamples > sizeof(samples) / sizeof(samples[0])) {
        return kIOReturnBadArgument;
    }
    IOPCIDevice *card = client->ivars->service->Card();
    for (uint64_t sample = 0; sample < numSamples; ++sample) {
        const uint64_t start = clock_gettime_nsec_np(CLOCK_UPTIME_RAW);
        for (uint64_t i = 0; i < arguments->scalarInput[0]; ++i) {
            uint32_t value = 0;
            card->MemoryRead32(kCardRegisterIndex, kCardId, &value);
            if (value != kCardIdValue) {
                return kIOReturnNoDevice;
            }
        }
        samples[sample] = clock_gettime_nsec_np(CLOCK_UPTIME_RAW) - start;
    }
    const kern_return_t ret =
        output.Append(toolkit::ConstBytes(samples, numSamples * sizeof(samples[0])));
    return ret == kIOReturnSuccess ? output.Finish() : ret;
}

kern_return_t CardBenchClient::Loopback(OSObject *target, void *,
                                        IOUserClientMethodArguments *arguments) {
    CardBenchClient *client = OSDynamicCast(CardBenchClient, target);
    if (client == nullptr) {
        return kIOReturnBadArgument;
    }
    DmaLoopback &loopback = client->ivars->loopback;
    kern_return_t ret = loopback.Prepare(client->ivars->service->Card(), arguments->scalarInput[0]);
    if (ret == kIOReturnSuccess) {
        ret = loopback.TimeDma(&arguments->scalarOutput[0]);
    }
    if (ret == kIOReturnSuccess) {
        ret = loopback.TimeCopy(&arguments->scalarOutput[1]);
    }
    return ret;
}
