// SPDX-License-Identifier: Apache-2.0
#include "registry/directory_adapter.h"

#include <fstream>
#include <utility>

#include <fmt/format.h>

#include "channel/wire/io_result.h"

namespace opendext::registry {

namespace {

std::string ProcessName(int pid) {
    std::ifstream file(fmt::format("/proc/{}/comm", pid));
    std::string name;
    std::getline(file, name);
    return name.empty() ? "application" : name;
}

}  // namespace

std::expected<std::vector<EntryId>, int32_t> DirectoryAdapter::Find(const PropertyValue &matching) {
    const auto *dictionary = matching.IfDictionary();
    if (dictionary == nullptr) {
        return std::unexpected(channel::kIoBadArgument);
    }
    return registry_.Find(*dictionary);
}

std::expected<channel::EntryDescription, int32_t> DirectoryAdapter::Describe(EntryId entry) {
    return registry_.Describe(entry);
}

std::expected<PropertyValue, int32_t> DirectoryAdapter::Properties(EntryId id) {
    const RegistryEntry *entry = registry_.tree().Find(id);
    if (entry == nullptr) {
        return std::unexpected(channel::kIoNoDevice);
    }
    return PropertyValue(MergedProperties(*entry));
}

std::expected<PropertyValue, int32_t> DirectoryAdapter::Property(EntryId id,
                                                                 const std::string &key) {
    const RegistryEntry *entry = registry_.tree().Find(id);
    if (entry == nullptr) {
        return std::unexpected(channel::kIoNoDevice);
    }
    const PropertyValue *value = FindProperty(*entry, key);
    if (value == nullptr) {
        return std::unexpected(channel::kIoNotFound);
    }
    return *value;
}

void DirectoryAdapter::ReadReports(
    EntryId service, std::function<void(std::expected<std::vector<uint8_t>, int32_t>)> answer) {
    registry_.ReadReports(service, std::move(answer));
}

std::expected<std::vector<EntryId>, int32_t> DirectoryAdapter::Children(EntryId id) {
    const RegistryEntry *entry = registry_.tree().Find(id);
    if (entry == nullptr) {
        return std::unexpected(channel::kIoNoDevice);
    }
    return entry->children;
}

EntryId DirectoryAdapter::Root() {
    return registry_.tree().root();
}

void DirectoryAdapter::Open(
    EntryId service, uint32_t type, const channel::PeerIdentity &app,
    std::function<void(std::expected<channel::OpenedClient, int32_t>)> answer) {
    registry_.Open(service, type,
                   AppIdentity{.pid = app.pid,
                               .name = ProcessName(app.pid),
                               .is_administrator = app.uid == 0,
                               .entitlements = entitlements_},
                   std::move(answer));
}

std::expected<channel::ServiceDirectory::Watch, int32_t> DirectoryAdapter::WatchServices(
    channel::NotificationKind kind, const PropertyValue &matching,
    channel::DirectoryListener *listener) {
    const auto *dictionary = matching.IfDictionary();
    if (dictionary == nullptr) {
        return std::unexpected(channel::kIoBadArgument);
    }
    channel::ServiceDirectory::Watch watch;
    watch.id = registry_.WatchServices(
        kind, *dictionary,
        [listener](uint64_t id, EntryId service) { listener->OnServices(id, {service}); },
        &watch.existing);
    return watch;
}

std::expected<uint64_t, int32_t> DirectoryAdapter::WatchInterest(
    EntryId service, channel::DirectoryListener *listener) {
    if (registry_.tree().Find(service) == nullptr) {
        return std::unexpected(channel::kIoNoDevice);
    }
    return registry_.watches().WatchInterest(
        service, [listener](uint64_t watch, EntryId entry, uint32_t message_type) {
            listener->OnInterest(watch, entry, message_type);
        });
}

void DirectoryAdapter::StopWatch(uint64_t watch) {
    registry_.watches().Stop(watch);
}

}  // namespace opendext::registry
