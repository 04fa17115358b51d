// SPDX-License-Identifier: Apache-2.0
/// @file service_watches.h
/// What the services of this process watch, and how they are told.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <DriverKit/IODispatchQueue.h>

#include "channel/wire/host_seam.h"
#include "runtime/memory/retained.h"
#include "runtime/service/service_watcher.h"

namespace opendext::host {

/// Any thread; no lock is held while the registry is asked or a listener is told.
class ServiceWatches final : public service::ServiceWatcher,
                             public std::enable_shared_from_this<ServiceWatches> {
public:
    /// The object for an entry: the service itself when it is of this process. NULL: it cannot be had.
    using FindObject =
        std::function<memory::Retained<IOService>(const channel::ProviderDescription &)>;

    /// @param reports kept as long as this object.
    explicit ServiceWatches(std::shared_ptr<channel::HostReports> reports);

    /// Before anything is watched.
    void SetFindObject(FindObject find_object) { find_object_ = std::move(find_object); }

    kern_return_t WatchServices(const PropertyValue &matching,
                                std::weak_ptr<service::ServiceWatchListener> listener,
                                uint64_t *watch) override;
    kern_return_t WatchStates(EntryId service, const std::vector<std::string> &names,
                              std::weak_ptr<service::StateWatchListener> listener,
                              uint64_t *watch) override;
    void StopWatch(uint64_t watch) override;

    /// DextHostPort::NotifyService: the listener is told on a queue, in the order of these calls.
    void Notify(uint64_t watch, channel::ServiceEvent event,
                const channel::ProviderDescription &service);

    /// DextHostPort::NotifyState: the same.
    void NotifyState(uint64_t watch);

private:
    void Tell(uint64_t watch, channel::ServiceEvent event,
              const channel::ProviderDescription &service);

    const std::shared_ptr<channel::HostReports> reports_;
    const memory::Retained<IODispatchQueue> queue_;
    FindObject find_object_;
    std::mutex mutex_;
    uint64_t last_watch_ = 0;                                                   // guarded by mutex_
    std::map<uint64_t, std::weak_ptr<service::ServiceWatchListener>> watches_;  // guarded by mutex_
    std::map<uint64_t, std::weak_ptr<service::StateWatchListener>>
        state_watches_;  // guarded by mutex_
};

}  // namespace opendext::host
