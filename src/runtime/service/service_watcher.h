// SPDX-License-Identifier: Apache-2.0
/// @file service_watcher.h
/// The seam between IOServiceNotificationDispatchSource and the process that it is in.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

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

/// Told of states. Calls may overlap.
class StateWatchListener {
public:
    virtual ~StateWatchListener() = default;

    /// An item that is watched has been set.
    virtual void StateChanged() = 0;
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

    /// Begins to tell `listener` when one of these items of the service is set (semantics.md 4.6).
    virtual kern_return_t WatchStates(EntryId service, const std::vector<std::string> &names,
                                      std::weak_ptr<StateWatchListener> listener,
                                      uint64_t *watch) = 0;

    /// Ends a watch of either kind. An unknown name is ignored. A call to the listener may be under way still.
    virtual void StopWatch(uint64_t watch) = 0;
};

}  // namespace opendext::service
