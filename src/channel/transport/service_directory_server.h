// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <set>
#include <vector>

#include "channel/transport/bus_peer.h"
#include "channel/wire/directory_backend.h"

namespace opendext::channel {

class LogFeedServer;

/// The registry's end of one application's (or tool's) connection. Ends the application's watches when it goes. Lives
/// on the bus thread, with the backend.
class ServiceDirectoryServer final : private DirectoryListener {
public:
    /// Serves one accepted socket. `backend` and `log` (or NULL) outlive the server. `on_gone` runs on the bus thread
    /// when the application is gone; it may destroy the server. @return errno.
    [[nodiscard]] static std::expected<std::unique_ptr<ServiceDirectoryServer>, int> Attach(
        BusThread &bus_thread, UniqueFd socket, DirectoryBackend &backend, LogFeedServer *log,
        std::function<void()> on_gone);

    ~ServiceDirectoryServer();
    ServiceDirectoryServer(const ServiceDirectoryServer &) = delete;
    ServiceDirectoryServer &operator=(const ServiceDirectoryServer &) = delete;

    [[nodiscard]] const PeerIdentity &identity() const { return peer_->identity(); }

    // Messages of the application; bus thread.
    int OnFind(sd_bus_message *call);
    int OnDescribe(sd_bus_message *call);
    int OnProperties(sd_bus_message *call);
    int OnProperty(sd_bus_message *call);
    int OnReadReports(sd_bus_message *call);
    int OnChildren(sd_bus_message *call);
    int OnRoot(sd_bus_message *call);
    int OnOpen(sd_bus_message *call);
    int OnWatchServices(sd_bus_message *call);
    int OnWatchInterest(sd_bus_message *call);

private:
    explicit ServiceDirectoryServer(DirectoryBackend &backend, LogFeedServer *log)
        : backend_(backend), log_(log) {}

    void SetUpPeer(BusPeer &peer);
    void OnServices(uint64_t watch, const std::vector<EntryId> &services) override;
    void OnInterest(uint64_t watch, EntryId service, uint32_t message_type) override;

    DirectoryBackend &backend_;
    LogFeedServer *const log_;
    std::set<uint64_t> watches_;
    std::unique_ptr<BusPeer> peer_;
};

}  // namespace opendext::channel
