// SPDX-License-Identifier: Apache-2.0
#include "registry/registry_server.h"

#include <cstring>
#include <utility>

#include "base/log.h"

namespace opendext::registry {

std::expected<std::unique_ptr<RegistryServer>, std::string> RegistryServer::Listen(
    channel::BusThread &bus_thread, const std::string &path, channel::DirectoryBackend &backend) {
    std::unique_ptr<RegistryServer> server(new RegistryServer(bus_thread, backend));
    auto listener = channel::UnixListener::Listen(
        bus_thread, path,
        [raw = server.get()](UniqueFd socket) { raw->Accept(std::move(socket)); });
    if (!listener) {
        return std::unexpected(path + ": " + listener.error());
    }
    server->listener_ = *std::move(listener);
    return server;
}

RegistryServer::~RegistryServer() {
    listener_.reset();
    bus_thread_.RunAndWait([this] { connections_.clear(); });
}

void RegistryServer::Accept(UniqueFd socket) {
    const uint64_t connection = next_connection_++;
    auto server = channel::ServiceDirectoryServer::Attach(
        bus_thread_, std::move(socket), backend_, &log_,
        [this, connection] { connections_.erase(connection); });
    if (!server) {
        LogWarning("an application could not be served: {}", std::strerror(server.error()));
        return;
    }
    connections_.emplace(connection, *std::move(server));
}

}  // namespace opendext::registry
