// SPDX-License-Identifier: Apache-2.0
/// @file service_watcher.h
/// The seam between IOServiceNotificationDispatchSource and the process that it is in.
#pragma once

#include <cstdint>
#include <memory>

#include <DriverKit/IOService.h>

#include "base/property_value.h"
#include "base/registry_port.h"
#include "runtime/memory/retained.h"

namespace opendext::service {

/// Told of services, in the order of what happens, one call at a time.
class ServiceWatchListener {
public:
    virtual ~ServiceWatchListener() = default;

    /// A service that matches is registered, for the first time or again.
    virtual void ServiceMatched(EntryId entry, memory::Retained<IOService> service) = 0;

    /// One that ServiceMatched has named ends.
    virtual void ServiceTerminated(EntryId entry) = 0;
};

/// Watches services for the objects of one dext. Implemented above this room. Any thread that may block.
class ServiceWatcher {
public:
    virtual ~ServiceWatcher() = default;

    /// Begins to tell `listener` of the services that `matching` selects, those that are there included.
    /// @param watch receives its name, for StopWatch.
    virtual kern_return_t WatchServices(const PropertyValue &matching,
                                        std::weak_ptr<ServiceWatchListener> listener,
                                        uint64_t *watch) = 0;

    /// An unknown name is ignored. A call to the listener may be under way still.
    virtual void StopWatch(uint64_t watch) = 0;
};

}  // namespace opendext::service
