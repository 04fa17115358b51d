// SPDX-License-Identifier: Apache-2.0
#include "host/service_watches.h"

#include <utility>

#include "runtime/dispatch/run_sync.h"

namespace opendext::host {

using channel::ProviderDescription;
using channel::ServiceEvent;
using memory::Retained;

namespace {

Retained<IODispatchQueue> MakeQueue() {
    IODispatchQueue *queue = nullptr;
    (void)IODispatchQueue::Create("service notifications", 0, 0, &queue);
    return Retained<IODispatchQueue>(queue);
}

}  // namespace

ServiceWatches::ServiceWatches(std::shared_ptr<channel::HostReports> reports)
    : reports_(std::move(reports)), queue_(MakeQueue()) {}

kern_return_t ServiceWatches::WatchServices(const PropertyValue &matching,
                                            std::weak_ptr<service::ServiceWatchListener> listener,
                                            uint64_t *watch) {
    if (queue_ == nullptr) {
        return kIOReturnNoMemory;
    }
    {
        const std::lock_guard lock(mutex_);
        *watch = ++last_watch_;
        // Before the registry is asked: what is there already is told of meanwhile.
        watches_.emplace(*watch, std::move(listener));
    }
    const int32_t status = reports_->WatchServices(*watch, matching);
    if (status != kIOReturnSuccess) {
        const std::lock_guard lock(mutex_);
        watches_.erase(*watch);
    }
    return status;
}

void ServiceWatches::StopWatch(uint64_t watch) {
    {
        const std::lock_guard lock(mutex_);
        watches_.erase(watch);
        state_watches_.erase(watch);
    }
    reports_->StopWatch(watch);
}

kern_return_t ServiceWatches::WatchStates(EntryId service, const std::vector<std::string> &names,
                                          std::weak_ptr<service::StateWatchListener> listener,
                                          uint64_t *watch) {
    if (queue_ == nullptr) {
        return kIOReturnNoMemory;
    }
    {
        const std::lock_guard lock(mutex_);
        *watch = ++last_watch_;
        state_watches_.emplace(*watch, std::move(listener));
    }
    const int32_t status = reports_->WatchStates(*watch, service, names);
    if (status != kIOReturnSuccess) {
        const std::lock_guard lock(mutex_);
        state_watches_.erase(*watch);
    }
    return status;
}

void ServiceWatches::NotifyState(uint64_t watch) {
    if (queue_ == nullptr) {
        return;
    }
    dispatch::RunAsync(queue_.get(), [self = shared_from_this(), watch] {
        std::shared_ptr<service::StateWatchListener> listener;
        {
            const std::lock_guard lock(self->mutex_);
            const auto found = self->state_watches_.find(watch);
            listener = found == self->state_watches_.end() ? nullptr : found->second.lock();
        }
        if (listener != nullptr) {
            listener->StateChanged();
        }
    });
}

void ServiceWatches::Notify(uint64_t watch, ServiceEvent event,
                            const ProviderDescription &service) {
    if (queue_ != nullptr) {
        dispatch::RunAsync(queue_.get(), [self = shared_from_this(), watch, event, service] {
            self->Tell(watch, event, service);
        });
    }
}

void ServiceWatches::Tell(uint64_t watch, ServiceEvent event, const ProviderDescription &service) {
    std::shared_ptr<service::ServiceWatchListener> listener;
    {
        const std::lock_guard lock(mutex_);
        const auto found = watches_.find(watch);
        listener = found == watches_.end() ? nullptr : found->second.lock();
    }
    if (listener == nullptr) {
        return;
    }
    if (event == ServiceEvent::kTerminated) {
        listener->ServiceTerminated(service.entry);
    } else if (Retained<IOService> object = find_object_(service)) {
        listener->ServiceMatched(service.entry, std::move(object));
    }
}

}  // namespace opendext::host
