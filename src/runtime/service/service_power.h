// SPDX-License-Identifier: Apache-2.0
/// @file service_power.h
/// Power transitions on their way to a service (semantics.md 3.11). For the host.
#pragma once

#include <cstdint>
#include <functional>

class IOService;

namespace opendext::service {

/// Calls SetPowerState on the service's queue and waits for its return. `acknowledged` is called once: when the base
/// class's SetPowerState runs, now or later; when SetPowerState fails; or when the service has stopped or is freed.
/// One transition at a time.
void SendPowerState(IOService *service, uint32_t power_flags, std::function<void()> acknowledged);

/// The transition that is under way, if there is one, is over. @return whether there was one.
bool AcknowledgePower(IOService *service);

}  // namespace opendext::service
