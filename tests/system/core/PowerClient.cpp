// SPDX-License-Identifier: Apache-2.0
#include "PowerClient.h"

#include <DriverKit/IOLib.h>

#include "CoreNub.h"
#include "CoreProtocol.h"
#include "CoreService.h"

struct PowerClient_IVars {
    CoreService *service;  // the provider, not retained
    CoreNub *nub;
};

bool PowerClient::init() {
    ivars = super::init() ? IONewZero(PowerClient_IVars, 1) : nullptr;
    return ivars != nullptr;
}

void PowerClient::free() {
    if (ivars != nullptr) {
        OSSafeReleaseNULL(ivars->nub);
    }
    IOSafeDeleteNULL(ivars, PowerClient_IVars, 1);
    super::free();
}

kern_return_t IMPL(PowerClient, Start) {
    ivars->service = OSDynamicCast(CoreService, provider);
    return Start(provider, SUPERDISPATCH);
}

kern_return_t IMPL(PowerClient, Stop) {
    if (ivars->nub != nullptr) {
        ivars->nub->Terminate(0);
    }
    return Stop(provider, SUPERDISPATCH);
}

kern_return_t PowerClient::MakeNub() {
    OSSafeReleaseNULL(ivars->nub);
    return ivars->service->MakeNub(&ivars->nub);
}

kern_return_t PowerClient::TellNub(uint64_t selector, uint64_t value) {
    switch (selector) {
        case kPowerJoin:
            return ivars->nub->JoinPMTree();
        case kPowerHold:
            ivars->nub->HoldPower(value != 0);
            return kIOReturnSuccess;
        case kPowerFail:
            ivars->nub->FailPower(value != 0);
            return kIOReturnSuccess;
        case kPowerAcknowledge:
            return ivars->nub->Acknowledge();
        case kPowerEndNub:
            return ivars->nub->Terminate(0);
        default:
            return kIOReturnUnsupported;
    }
}

kern_return_t PowerClient::ExternalMethod(uint64_t selector, IOUserClientMethodArguments *arguments,
                                          const IOUserClientMethodDispatch *, OSObject *, void *) {
    const uint64_t *input = arguments->scalarInput;
    uint64_t *output = arguments->scalarOutput;
    if (selector == kPowerMakeNub) {
        return MakeNub();
    }
    if (selector == kPowerChange && arguments->scalarInputCount == 2) {
        IOService *service = ivars->service;
        return (input[0] == 0 ? service : ivars->nub)
            ->ChangePowerState(static_cast<uint32_t>(input[1]));
    }
    if (selector == kPowerOverride && arguments->scalarInputCount == 1) {
        return ivars->service->SetPowerOverride(input[0] != 0);
    }
    if (selector == kPowerStates && arguments->scalarOutputCount == 4) {
        output[0] = ivars->service->PowerState();
        output[1] = ivars->service->NumPowerChanges();
        output[2] = ivars->nub != nullptr ? ivars->nub->PowerState() : 0;
        output[3] = ivars->nub != nullptr ? ivars->nub->NumPowerChanges() : 0;
        return kIOReturnSuccess;
    }
    if (selector == kBusyAdjust && arguments->scalarInputCount == 2) {
        IOService *service = ivars->service;
        return (input[0] == 0 ? service : ivars->nub)->AdjustBusy(static_cast<int32_t>(input[1]));
    }
    if (selector == kBusyStates && arguments->scalarOutputCount == 2 && ivars->nub != nullptr) {
        uint32_t states[2] = {};
        ivars->service->GetBusyState(&states[0]);
        const kern_return_t ret = ivars->nub->GetBusyState(&states[1]);
        output[0] = states[0];
        output[1] = states[1];
        return ret;
    }
    return ivars->nub != nullptr
               ? TellNub(selector, arguments->scalarInputCount == 1 ? input[0] : 0)
               : kIOReturnBadArgument;
}
