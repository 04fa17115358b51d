// SPDX-License-Identifier: Apache-2.0
#include "registry/service_notices.h"

#include <vector>

#include "channel/wire/io_result.h"

namespace opendext::registry {

using channel::ServiceEvent;

int32_t ServiceNotices::Watch(HostId host, uint64_t watch, const PropertyValue &matching) {
    const auto *dictionary = matching.IfDictionary();
    const Key key{host, watch};
    if (dictionary == nullptr || watched_.contains(key)) {
        return channel::kIoBadArgument;
    }
    std::vector<EntryId> existing;
    watched_[key].matches = watches_.WatchServices(
        channel::NotificationKind::kMatched, *dictionary,
        [this, key](uint64_t, EntryId service) { Matched(key, service); }, &existing);
    for (const EntryId service : existing) {
        Matched(key, service);
    }
    return 0;
}

void ServiceNotices::Stop(HostId host, uint64_t watch) {
    if (const auto watched = watched_.extract({host, watch})) {
        StopAll(watched.mapped());
    }
}

bool ServiceNotices::HasReported(HostId host, EntryId service) const {
    for (auto watched = watched_.lower_bound({host, 0});
         watched != watched_.end() && watched->first.first == host; ++watched) {
        if (watched->second.ends.contains(service)) {
            return true;
        }
    }
    return false;
}

void ServiceNotices::HostGone(HostId host) {
    for (auto watched = watched_.lower_bound({host, 0});
         watched != watched_.end() && watched->first.first == host;) {
        StopAll(watched->second);
        watched = watched_.erase(watched);
    }
}

void ServiceNotices::StopAll(const Watched &watched) {
    watches_.Stop(watched.matches);
    for (const auto &[service, name] : watched.ends) {
        watches_.Stop(name);
    }
}

// Drivers see those that share their server's name.
bool ServiceNotices::MaySee(HostId host, const RegistryEntry &service) {
    const DriverHost *watcher = hosts_.Find(host);
    return watcher != nullptr && service.host != 0 &&
           StringProperty(service.properties, "IOUserServerName") == watcher->server_name;
}

void ServiceNotices::Matched(const Key &key, EntryId id) {
    const RegistryEntry *service = tree_.Find(id);
    const auto watched = watched_.find(key);
    if (service == nullptr || watched == watched_.end() || !MaySee(key.first, *service)) {
        return;
    }
    if (!watched->second.ends.contains(id)) {
        watched->second.ends[id] = watches_.WatchInterest(
            id, [this, key](uint64_t, EntryId ended, uint32_t) { Terminated(key, ended); });
    }
    Notify(key, ServiceEvent::kMatched, *service);
}

void ServiceNotices::Terminated(const Key &key, EntryId id) {
    const RegistryEntry *service = tree_.Find(id);
    const auto watched = watched_.find(key);
    if (service == nullptr || watched == watched_.end()) {
        return;
    }
    if (const auto end = watched->second.ends.extract(id)) {
        watches_.Stop(end.mapped());
        Notify(key, ServiceEvent::kTerminated, *service);
    }
}

void ServiceNotices::Notify(const Key &key, ServiceEvent event, const RegistryEntry &service) {
    const DriverHost *host = hosts_.Find(key.first);
    if (host == nullptr || host->port == nullptr) {
        return;
    }
    host->port->NotifyService(
        key.second, event,
        {.entry = service.id, .class_name = service.class_name, .name = service.name});
}

}  // namespace opendext::registry
