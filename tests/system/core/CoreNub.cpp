// SPDX-License-Identifier: Apache-2.0
#include "CoreNub.h"

#include <atomic>

#include <DriverKit/IOLib.h>

struct CoreNub_IVars {
    std::atomic<bool> holds;
    std::atomic<bool> fails;
    std::atomic<uint32_t> state;
    std::atomic<uint64_t> num_changes;
};

bool CoreNub::init() {
    ivars = super::init() ? IONewZero(CoreNub_IVars, 1) : nullptr;
    return ivars != nullptr;
}

void CoreNub::free() {
    IOSafeDeleteNULL(ivars, CoreNub_IVars, 1);
    super::free();
}

kern_return_t IMPL(CoreNub, Start) {
    const kern_return_t ret = Start(provider, SUPERDISPATCH);
    return ret == kIOReturnSuccess ? RegisterService() : ret;
}

kern_return_t IMPL(CoreNub, SetPowerState) {
    ivars->state = powerFlags;
    ++ivars->num_changes;
    if (ivars->fails) {
        return kIOReturnNotResponding;
    }
    return ivars->holds ? kIOReturnSuccess : SetPowerState(powerFlags, SUPERDISPATCH);
}

void CoreNub::HoldPower(bool holds) {
    ivars->holds = holds;
}

void CoreNub::FailPower(bool fails) {
    ivars->fails = fails;
}

kern_return_t CoreNub::Acknowledge() {
    return SetPowerState(ivars->state, SUPERDISPATCH);
}

uint64_t CoreNub::PowerState() {
    return ivars->state;
}

uint64_t CoreNub::NumPowerChanges() {
    return ivars->num_changes;
}
