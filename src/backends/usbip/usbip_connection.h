// SPDX-License-Identifier: Apache-2.0
/// @file usbip_connection.h
/// The beginning of a conversation with a USB/IP server: connect, ask what it exports, import a device. These wait for
/// the server, each function for a bounded time.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <string>
#include <vector>

#include "backends/usbip/usbip_protocol.h"
#include "base/unique_fd.h"

namespace opendext::backends {

/// More devices than a server may list.
inline constexpr uint32_t kUsbipMaxDevices = 4096;

struct UsbipServerAddress {
    std::string host;
    uint16_t port = kUsbipTcpPort;
};

using UsbipDeadline = std::chrono::steady_clock::time_point;

/// A TCP connection that notices when the other machine goes silent, within about half a minute. The addresses of a
/// host are tried in their order, and share the time.
[[nodiscard]] std::expected<UniqueFd, std::string> ConnectToUsbipServer(
    const UsbipServerAddress &server, UsbipDeadline deadline);

/// What the server at the other end exports. The connection is of no use afterwards: Linux closes it.
[[nodiscard]] std::expected<std::vector<UsbipDevice>, std::string> ListUsbipDevices(
    const UniqueFd &socket, UsbipDeadline deadline);

/// Takes the device for this connection. From then on it carries commands.
[[nodiscard]] std::expected<UsbipDevice, std::string> ImportUsbipDevice(const UniqueFd &socket,
                                                                        const std::string &bus_id,
                                                                        UsbipDeadline deadline);

}  // namespace opendext::backends
