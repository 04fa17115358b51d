// SPDX-License-Identifier: Apache-2.0
// What IOService asks of the machine, and what it tells of its driver.
#include <cstdint>
#include <limits>
#include <optional>

#include <DriverKit/IOLib.h>
#include <DriverKit/OSDictionary.h>
#include <DriverKit/OSString.h>

#include "runtime/service/latency_request.h"
#include "runtime/service/property_objects.h"
#include "runtime/service/service_state.h"

kern_return_t IOService::RequireMaxBusStall_Impl(uint64_t maxBusStall) {
    if (maxBusStall > std::numeric_limits<uint32_t>::max()) {
        return kIOReturnBadArgument;
    }
    if (ivars == nullptr) {
        return kIOReturnNotReady;
    }
    // Its free gives the request up.
    ivars->has_latency_request = maxBusStall != 0;
    opendext::service::LatencyRequests::Instance().Set(this, static_cast<uint32_t>(maxBusStall));
    return kIOReturnSuccess;
}

kern_return_t IOService::CoreAnalyticsSendEvent_Impl(uint64_t options, OSString *eventName,
                                                     OSDictionary *eventPayload) {
    const auto payload =
        eventPayload != nullptr ? opendext::service::ToPropertyValue(eventPayload) : std::nullopt;
    if (options != 0 || eventName == nullptr || !payload) {
        return kIOReturnBadArgument;
    }
    IOLog("analytics event %s: %s", eventName->getCStringNoCopy(), payload->ToString().c_str());
    return kIOReturnSuccess;
}
