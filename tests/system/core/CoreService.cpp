// SPDX-License-Identifier: Apache-2.0
#include "CoreService.h"

#include <atomic>

#include <DriverKit/IOLib.h>
#include <DriverKit/IOUserClient.h>

#include "CoreNub.h"
#include "CoreProtocol.h"

struct CoreService_IVars {
    std::atomic<uint32_t> state;
    std::atomic<uint64_t> num_changes;
};

bool CoreService::init() {
    ivars = super::init() ? IONewZero(CoreService_IVars, 1) : nullptr;
    return ivars != nullptr;
}

void CoreService::free() {
    IOSafeDeleteNULL(ivars, CoreService_IVars, 1);
    super::free();
}

kern_return_t IMPL(CoreService, Start) {
    const kern_return_t ret = Start(provider, SUPERDISPATCH);
    return ret == kIOReturnSuccess ? RegisterService() : ret;
}

kern_return_t IMPL(CoreService, NewUserClient) {
    static const char *const kProperties[] = {"DataQueueClientProperties",
                                              "NotificationClientProperties",
                                              "PowerClientProperties", "LibraryClientProperties"};
    if (type >= sizeof kProperties / sizeof kProperties[0]) {
        return kIOReturnBadArgument;
    }
    IOService *client = nullptr;
    const kern_return_t ret = Create(this, kProperties[type], &client);
    if (ret == kIOReturnSuccess) {
        *userClient = OSDynamicCast(IOUserClient, client);
    }
    return ret;
}

kern_return_t IMPL(CoreService, SetPowerState) {
    ivars->state = powerFlags;
    ++ivars->num_changes;
    return SetPowerState(powerFlags, SUPERDISPATCH);
}

kern_return_t CoreService::MakeNub(CoreNub **nub) {
    IOService *made = nullptr;
    const kern_return_t ret = Create(this, "NubProperties", &made);
    *nub = OSDynamicCast(CoreNub, made);
    return ret;
}

uint64_t CoreService::PowerState() {
    return ivars->state;
}

uint64_t CoreService::NumPowerChanges() {
    return ivars->num_changes;
}
