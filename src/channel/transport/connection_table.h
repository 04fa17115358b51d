// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <memory>
#include <mutex>

#include "channel/transport/bus_thread.h"
#include "channel/transport/connection_server.h"
#include "channel/wire/call.h"
#include "channel/wire/host_seam.h"

namespace opendext::channel {

/// The connections of applications to the user clients of a driver process; each goes by itself when it has ended.
/// Outlives what the bus thread runs: destroy it there or before the thread. Any thread but the bus thread.
class ConnectionTable {
public:
    explicit ConnectionTable(BusThread &bus_thread) : bus_thread_(bus_thread) {}
    ~ConnectionTable() { Clear(); }
    ConnectionTable(const ConnectionTable &) = delete;
    ConnectionTable &operator=(const ConnectionTable &) = delete;

    /// Serves a user client. @return the application's ends, or errno; after Clear ECANCELED.
    [[nodiscard]] std::expected<TransportEndpoint, int> Serve(
        std::shared_ptr<UserClientPort> client);

    /// Ends all connections, waits for the calls that run, and refuses new ones.
    void Clear();

    [[nodiscard]] size_t size();

private:
    void Ended(uint64_t id);

    BusThread &bus_thread_;
    std::mutex mutex_;
    bool is_cleared_ = false;  // guarded by mutex_, as all below
    uint64_t last_ = 0;
    std::map<uint64_t, std::unique_ptr<ConnectionServer>> servers_;
};

}  // namespace opendext::channel
