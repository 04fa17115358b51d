// SPDX-License-Identifier: Apache-2.0
/// @file life_checks.h
/// Whether a service's Start and Stop leave behind what they should not: docs/diagnostics.md.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <DriverKit/IOService.h>

#include "runtime/memory/retained.h"

namespace opendext::service {

/// The base class's Stop runs for the service: reports its sources that are not cancelled, and its queues that have work
/// left and are not cancelled. On the queue that Stop is called on.
void CheckAtStop(IOService *service);

/// A Start that has failed. What it has made is told by the thread that ran it, and by when.
struct FailedStart {
    std::string class_name;
    const IOService *service = nullptr;  ///< Only to be compared: it may be gone.
    memory::Retained<IOService> provider;
    const void *image = nullptr;  ///< Of the driver.
    int thread = 0;
    uint64_t first_sequence = 0;  ///< Of objects: between these two.
    uint64_t last_sequence = 0;
    int32_t status = 0;
};

/// Whether what a failed Start has opened or made is still there. Any thread.
[[nodiscard]] bool HasLeftovers(const FailedStart &start);

/// Reports that, if there is anything: the open provider, sources, DMA preparations, mappings and other objects.
void ReportLeftovers(const FailedStart &start);

}  // namespace opendext::service
