// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <map>
#include <memory>
#include <string>

#include "channel/transport/bus_thread.h"
#include "channel/transport/log_feed.h"
#include "channel/transport/service_directory_server.h"
#include "channel/transport/unix_socket.h"
#include "channel/wire/directory_backend.h"

namespace opendext::registry {

/// The registry's socket: accepts applications and tools, and serves each until it hangs up. Made and destroyed
/// on any thread but the bus thread; everything else happens on that.
class RegistryServer {
public:
    /// Listens at `path`. `backend` outlives the server. The error is one line.
    [[nodiscard]] static std::expected<std::unique_ptr<RegistryServer>, std::string> Listen(
        channel::BusThread &bus_thread, const std::string &path,
        channel::DirectoryBackend &backend);

    ~RegistryServer();
    RegistryServer(const RegistryServer &) = delete;
    RegistryServer &operator=(const RegistryServer &) = delete;

    /// Bus thread.
    channel::LogFeedServer &log() { return log_; }

private:
    RegistryServer(channel::BusThread &bus_thread, channel::DirectoryBackend &backend)
        : bus_thread_(bus_thread), backend_(backend) {}
    void Accept(UniqueFd socket);

    channel::BusThread &bus_thread_;
    channel::DirectoryBackend &backend_;
    channel::LogFeedServer log_;
    uint64_t next_connection_ = 1;
    std::map<uint64_t, std::unique_ptr<channel::ServiceDirectoryServer>> connections_;
    std::unique_ptr<channel::UnixListener> listener_;
};

}  // namespace opendext::registry
