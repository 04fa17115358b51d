// SPDX-License-Identifier: Apache-2.0
// IOService's power and busy states (semantics.md 3.11), which the registry has; a service is told of transitions.
#include <utility>

#include <DriverKit/IOService.h>

#include "runtime/service/service_power.h"
#include "runtime/service/service_state.h"

namespace opendext::service {

void SendPowerState(IOService *service, uint32_t power_flags, std::function<void()> acknowledged) {
    // One that is under way has taken too long, and counts as done.
    (void)AcknowledgePower(service);
    {
        const std::lock_guard lock(service->ivars->power_mutex);
        service->ivars->acknowledge_power = std::move(acknowledged);
    }
    if (service->SetPowerState(power_flags) != kIOReturnSuccess) {
        (void)AcknowledgePower(service);
    }
}

bool AcknowledgePower(IOService *service) {
    std::function<void()> acknowledge;
    {
        const std::lock_guard lock(service->ivars->power_mutex);
        acknowledge = std::exchange(service->ivars->acknowledge_power, nullptr);
    }
    if (!acknowledge) {
        return false;
    }
    acknowledge();
    return true;
}

namespace {

RegistryPort *RegistryOf(const IOService *service) {
    return service->ivars != nullptr && service->ivars->context != nullptr
               ? service->ivars->context->registry.get()
               : nullptr;
}

}  // namespace
}  // namespace opendext::service

using opendext::RegistryPort;
using opendext::service::RegistryOf;

kern_return_t IOService::JoinPMTree_Impl() {
    RegistryPort *registry = RegistryOf(this);
    return registry != nullptr ? registry->JoinPowerTree(ivars->entry) : kIOReturnNotReady;
}

kern_return_t IOService::SetPowerState_Impl(uint32_t) {
    return ivars != nullptr && opendext::service::AcknowledgePower(this) ? kIOReturnSuccess
                                                                         : kIOReturnNotReady;
}

kern_return_t IOService::ChangePowerState_Impl(uint32_t powerFlags) {
    if (powerFlags != kIOServicePowerCapabilityOff && powerFlags != kIOServicePowerCapabilityLow &&
        powerFlags != kIOServicePowerCapabilityOn) {
        return kIOReturnBadArgument;
    }
    RegistryPort *registry = RegistryOf(this);
    return registry != nullptr ? registry->ChangePowerState(ivars->entry, powerFlags)
                               : kIOReturnNotReady;
}

kern_return_t IOService::SetPowerOverride_Impl(bool enable) {
    RegistryPort *registry = RegistryOf(this);
    return registry != nullptr ? registry->SetPowerOverride(ivars->entry, enable)
                               : kIOReturnNotReady;
}

kern_return_t IOService::AdjustBusy_Impl(int32_t delta) {
    RegistryPort *registry = RegistryOf(this);
    return registry != nullptr ? registry->AdjustBusy(ivars->entry, delta) : kIOReturnNotReady;
}

kern_return_t IOService::GetBusyState_Impl(uint32_t *busyState) {
    if (busyState == nullptr) {
        return kIOReturnBadArgument;
    }
    *busyState = 0;
    RegistryPort *registry = RegistryOf(this);
    if (registry == nullptr) {
        return kIOReturnNotReady;
    }
    const auto state = registry->GetBusyState(ivars->entry);
    *busyState = state.value_or(0);
    return state ? kIOReturnSuccess : state.error();
}
