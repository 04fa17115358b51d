// SPDX-License-Identifier: Apache-2.0
#include "registry/host_table.h"

#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/log.h"

namespace opendext::registry {

namespace {

// The first two components of a bundle identifier, with the second dot: "com.example.".
std::string_view SharingPrefix(std::string_view identifier) {
    const size_t first = identifier.find('.');
    const size_t second = first == std::string_view::npos ? first : identifier.find('.', first + 1);
    return second == std::string_view::npos ? identifier : identifier.substr(0, second + 1);
}

}  // namespace

HostTable::HostTable(channel::HostLauncher &launcher, MakeReports make_reports, OnExit on_exit)
    : launcher_(launcher), make_reports_(std::move(make_reports)), on_exit_(std::move(on_exit)) {}

DriverHost *HostTable::FindShared(const std::string &server_name) {
    for (const auto &[id, host] : hosts_) {
        const bool failed = host->readiness.value_or(0) != 0;
        if (host->shared && !host->exiting && !failed && host->server_name == server_name) {
            return host.get();
        }
    }
    return nullptr;
}

DriverHost *HostTable::Acquire(const Bundle &bundle, const Personality &personality,
                               HostId provider_host, EntryId service) {
    if (!personality.one_process) {
        return Launch(bundle, personality, service);
    }
    const DriverHost *provider = Find(provider_host);
    DriverHost *shared = FindShared(personality.server_name);
    if (provider != nullptr && provider->server_name == personality.server_name &&
        shared == nullptr) {
        LogWarning(
            "personality '{}' must share the process '{}' of its provider, which was not launched "
            "under "
            "IOUserServerOneProcess; add the key to the provider's personality too",
            personality.name, personality.server_name);
        return nullptr;
    }
    if (!personality.server_name.starts_with(SharingPrefix(bundle.identifier))) {
        LogWarning(
            "personality '{}': IOUserServerName '{}' does not begin with '{}', so it gets a "
            "process of its own",
            personality.name, personality.server_name, SharingPrefix(bundle.identifier));
        return Launch(bundle, personality, service);
    }
    if (shared == nullptr) {
        shared = Launch(bundle, personality, service);
        if (shared != nullptr) {
            shared->shared = true;
        }
    }
    return shared;
}

DriverHost *HostTable::Launch(const Bundle &bundle, const Personality &personality,
                              EntryId service) {
    auto added = std::make_unique<DriverHost>();
    DriverHost *host = added.get();
    host->id = next_host_++;
    host->bundle = &bundle;
    host->server_name = personality.server_name;
    host->label = fmt::format("{}-{:#x}", personality.server_name, std::to_underlying(service));
    host->reports = make_reports_(host->id);
    hosts_.emplace(host->id, std::move(added));
    const HostId id = host->id;
    channel::HostLauncher::Request request;
    request.bundle_path = bundle.path.string();
    request.server_name = host->label;
    request.reports = host->reports.get();
    request.on_exit =
        lifetime_.Guard([this, id](const channel::HostExit &exit) { on_exit_(id, exit); });
    host->port = launcher_.Launch(request, lifetime_.Guard([this, id](int32_t status) {
        DriverHost *launched = Find(id);
        if (launched == nullptr || launched->readiness) {
            return;
        }
        launched->readiness = status;
        for (auto &then : std::exchange(launched->waiting, {})) {
            then(status);
        }
    }));
    if (host->port == nullptr) {
        hosts_.erase(id);
        return nullptr;
    }
    return host;
}

void HostTable::WhenReady(HostId host, std::function<void(int32_t)> then) {
    DriverHost *found = Find(host);
    if (found == nullptr) {
        then(channel::kHostGone);
    } else if (found->readiness) {
        then(*found->readiness);
    } else {
        found->waiting.push_back(std::move(then));
    }
}

DriverHost *HostTable::Find(HostId host) {
    const auto found = hosts_.find(host);
    return found == hosts_.end() ? nullptr : found->second.get();
}

void HostTable::Exit(HostId host) {
    DriverHost *found = Find(host);
    if (found != nullptr && !found->exiting) {
        found->exiting = true;
        found->port->Exit();
    }
}

void HostTable::Remove(HostId host) {
    const auto found = hosts_.find(host);
    if (found == hosts_.end()) {
        return;
    }
    const std::unique_ptr<DriverHost> gone = std::move(found->second);
    hosts_.erase(found);
    for (auto &then : std::exchange(gone->waiting, {})) {
        then(channel::kHostGone);
    }
}

std::vector<HostId> HostTable::All() const {
    std::vector<HostId> all;
    for (const auto &[id, host] : hosts_) {
        all.push_back(id);
    }
    return all;
}

}  // namespace opendext::registry
