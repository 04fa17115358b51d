// SPDX-License-Identifier: Apache-2.0
/// @file stop_watch.h
/// Finds the driver that forgets to end its Stop.
#pragma once

#include <chrono>
#include <memory>

#include <DriverKit/IOService.h>

#include "host/hosted_services.h"

namespace opendext::host {

/// The service's Stop has returned success: when the base class's Stop has not run after `time`, that is reported. Returns
/// at once.
void WarnUnlessStopped(const std::shared_ptr<HostedServices> &services, EntryId entry,
                       std::chrono::milliseconds time);

/// The service's Stop has returned success, and the base class's Stop has not run when its driver ends, or after a while.
void ReportStopWithoutSuper(IOService *service);

}  // namespace opendext::host
