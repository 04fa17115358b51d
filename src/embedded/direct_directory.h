// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "channel/transport/bus_thread.h"
#include "channel/wire/directory_backend.h"
#include "channel/wire/service_directory.h"

namespace opendext::embedded {

/// The registry of this process as an application uses it: each call goes to the registry's thread and waits.
class DirectDirectory final : public channel::ServiceDirectory {
public:
    /// Both outlive this object. `backend` is called on `thread` only.
    DirectDirectory(channel::BusThread &thread, channel::DirectoryBackend &backend)
        : thread_(thread), backend_(backend) {}

    std::expected<std::vector<channel::EntryId>, int32_t> Find(
        const PropertyValue &matching) override;
    std::expected<channel::EntryDescription, int32_t> Describe(channel::EntryId entry) override;
    std::expected<PropertyValue, int32_t> Properties(channel::EntryId entry) override;
    std::expected<PropertyValue, int32_t> Property(channel::EntryId entry,
                                                   const std::string &key) override;
    std::expected<std::vector<uint8_t>, int32_t> ReadReports(channel::EntryId service) override;
    std::expected<std::vector<channel::EntryId>, int32_t> Children(channel::EntryId entry) override;
    channel::EntryId Root() override;
    std::expected<std::shared_ptr<channel::ClientConnection>, int32_t> Open(
        channel::EntryId service, uint32_t type, channel::CompletionSink *sink) override;
    std::expected<Watch, int32_t> WatchServices(channel::NotificationKind kind,
                                                const PropertyValue &matching,
                                                channel::DirectoryListener *listener) override;
    std::expected<uint64_t, int32_t> WatchInterest(channel::EntryId service,
                                                   channel::DirectoryListener *listener) override;
    void StopWatch(uint64_t watch) override;

private:
    template <typename Operation>
    auto Ask(Operation operation);

    channel::BusThread &thread_;
    channel::DirectoryBackend &backend_;
};

}  // namespace opendext::embedded
