// SPDX-License-Identifier: Apache-2.0
#include "channel/transport/connection_table.h"

#include <cerrno>
#include <utility>

namespace opendext::channel {

std::expected<TransportEndpoint, int> ConnectionTable::Serve(
    std::shared_ptr<UserClientPort> client) {
    uint64_t id = 0;
    {
        const std::lock_guard lock(mutex_);
        id = ++last_;
    }
    // Without the lock: this waits for the bus thread, which takes the lock in Ended.
    auto server =
        ConnectionServer::Start(bus_thread_, std::move(client), [this, id] { Ended(id); });
    if (!server) {
        return std::unexpected(server.error());
    }
    TransportEndpoint endpoint = (*server)->MakeEndpoint();
    const std::lock_guard lock(mutex_);
    if (is_cleared_) {
        return std::unexpected(ECANCELED);
    }
    servers_.emplace(id, *std::move(server));
    return endpoint;
}

void ConnectionTable::Clear() {
    std::map<uint64_t, std::unique_ptr<ConnectionServer>> ended;  // destroyed after the lock
    const std::lock_guard lock(mutex_);
    is_cleared_ = true;
    ended.swap(servers_);
}

size_t ConnectionTable::size() {
    const std::lock_guard lock(mutex_);
    return servers_.size();
}

void ConnectionTable::Ended(uint64_t id) {
    std::unique_ptr<ConnectionServer> ended;  // destroyed after the lock
    const std::lock_guard lock(mutex_);
    if (const auto found = servers_.find(id); found != servers_.end()) {
        ended = std::move(found->second);
        servers_.erase(found);
    }
}

}  // namespace opendext::channel
