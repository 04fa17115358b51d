// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "channel/wire/directory_backend.h"
#include "registry/registry.h"

namespace opendext::registry {

/// A Registry as applications use it. On the registry's thread.
class DirectoryAdapter final : public channel::DirectoryBackend {
public:
    /// `entitlements`: what every application is entitled to; nothing: the checks on applications are off.
    DirectoryAdapter(Registry &registry, std::optional<PropertyValue::Dictionary> entitlements)
        : registry_(registry), entitlements_(std::move(entitlements)) {}

    std::expected<std::vector<EntryId>, int32_t> Find(const PropertyValue &matching) override;
    std::expected<channel::EntryDescription, int32_t> Describe(EntryId entry) override;
    std::expected<PropertyValue, int32_t> Properties(EntryId entry) override;
    std::expected<PropertyValue, int32_t> Property(EntryId entry, const std::string &key) override;
    void ReadReports(
        EntryId service,
        std::function<void(std::expected<std::vector<uint8_t>, int32_t>)> answer) override;
    std::expected<std::vector<EntryId>, int32_t> Children(EntryId entry) override;
    EntryId Root() override;
    void Open(EntryId service, uint32_t type, const channel::PeerIdentity &app,
              std::function<void(std::expected<channel::OpenedClient, int32_t>)> answer) override;
    std::expected<channel::ServiceDirectory::Watch, int32_t> WatchServices(
        channel::NotificationKind kind, const PropertyValue &matching,
        channel::DirectoryListener *listener) override;
    std::expected<uint64_t, int32_t> WatchInterest(EntryId service,
                                                   channel::DirectoryListener *listener) override;
    void StopWatch(uint64_t watch) override;

private:
    Registry &registry_;
    const std::optional<PropertyValue::Dictionary> entitlements_;
};

}  // namespace opendext::registry
