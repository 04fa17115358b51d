// SPDX-License-Identifier: Apache-2.0
/// @file stop_watch.h
/// Finds the driver that forgets to end its Stop.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "host/hosted_services.h"

namespace opendext::host {

/// `name`'s Stop has returned success: when the base class's Stop has not run after `time`, one log line says so.
/// Returns at once.
void WarnUnlessStopped(const std::shared_ptr<HostedServices> &services, EntryId entry,
                       std::chrono::milliseconds time, std::string name);

}  // namespace opendext::host
