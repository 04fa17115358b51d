// SPDX-License-Identifier: Apache-2.0
#include "InterruptBenchClient.h"

#include <DriverKit/IOLib.h>
#include <DriverKit/OSData.h>

#include "InterruptBenchProtocol.h"
#include "InterruptBenchService.h"

struct InterruptBenchClient_IVars {
    InterruptBenchService *service;  // the provider, not retained
};

bool InterruptBenchClient::init() {
    if (!super::init()) {
        return false;
    }
    ivars = IONewZero(InterruptBenchClient_IVars, 1);
    return ivars != nullptr;
}

void InterruptBenchClient::free() {
    IOSafeDeleteNULL(ivars, InterruptBenchClient_IVars, 1);
    super::free();
}

kern_return_t IMPL(InterruptBenchClient, Start) {
    ivars->service = OSDynamicCast(InterruptBenchService, provider);
    return ivars->service != nullptr ? Start(provider, SUPERDISPATCH) : kIOReturnBadArgument;
}

kern_return_t InterruptBenchClient::ExternalMethod(uint64_t selector,
                                                   IOUserClientMethodArguments *arguments,
                                                   const IOUserClientMethodDispatch *, OSObject *,
                                                   void *) {
    uint64_t samples[kInterruptBenchMaxSamples];
    const uint64_t count = arguments->structureOutputMaximumSize / sizeof(samples[0]);
    if (selector != kInterruptBenchRun || count > kInterruptBenchMaxSamples) {
        return kIOReturnBadArgument;
    }
    for (uint64_t i = 0; i < count; ++i) {
        samples[i] = ivars->service->TimeInterrupt();
    }
    arguments->structureOutput =
        OSData::withBytes(samples, static_cast<uint32_t>(count * sizeof(samples[0])));
    return kIOReturnSuccess;
}
