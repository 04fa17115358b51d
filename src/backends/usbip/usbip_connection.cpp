// SPDX-License-Identifier: Apache-2.0
#include "backends/usbip/usbip_connection.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <span>

#include <fmt/format.h>

namespace opendext::backends {

namespace {

using Outcome = std::expected<void, std::string>;

constexpr int kSilentSecondsBeforeProbe = 10;
constexpr int kSecondsBetweenProbes = 5;
constexpr int kNumProbes = 3;
constexpr unsigned kUnacknowledgedMilliseconds = 30000;

std::unexpected<std::string> FailedCall(int error) {
    return std::unexpected(std::string(std::strerror(error)));
}

// Until the socket is ready for `events`.
Outcome Await(const UniqueFd &socket, short events, UsbipDeadline deadline) {
    for (;;) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(
            deadline - std::chrono::steady_clock::now());
        if (left.count() <= 0) {
            return std::unexpected("the server does not answer");
        }
        pollfd wanted = {.fd = socket.get(), .events = events, .revents = 0};
        const int ready =
            poll(&wanted, 1, static_cast<int>(std::min<int64_t>(left.count(), INT32_MAX)));
        if (ready > 0) {
            return {};
        }
        if (ready < 0 && errno != EINTR) {
            return FailedCall(errno);
        }
    }
}

Outcome SendAll(const UniqueFd &socket, std::span<const std::byte> bytes, UsbipDeadline deadline) {
    while (!bytes.empty()) {
        const ssize_t sent =
            send(socket.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent >= 0) {
            bytes = bytes.subspan(static_cast<size_t>(sent));
        } else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
            return FailedCall(errno);
        } else if (auto ready = Await(socket, POLLOUT, deadline); !ready) {
            return ready;
        }
    }
    return {};
}

Outcome ReceiveAll(const UniqueFd &socket, std::span<std::byte> bytes, UsbipDeadline deadline) {
    while (!bytes.empty()) {
        const ssize_t received = recv(socket.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
        if (received > 0) {
            bytes = bytes.subspan(static_cast<size_t>(received));
        } else if (received == 0) {
            return std::unexpected("the server has closed the connection");
        } else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
            return FailedCall(errno);
        } else if (auto ready = Await(socket, POLLIN, deadline); !ready) {
            return ready;
        }
    }
    return {};
}

// Of the reply that is expected next; its status must be 0.
Outcome ReceiveReply(const UniqueFd &socket, UsbipOperationCode expected, UsbipDeadline deadline) {
    std::array<std::byte, kUsbipOperationBytes> bytes = {};
    if (auto received = ReceiveAll(socket, bytes, deadline); !received) {
        return received;
    }
    const auto reply = DecodeUsbipOperation(bytes);
    if (!reply) {
        return std::unexpected(fmt::format("the server answers with {}", reply.error()));
    }
    if (reply->code != expected) {
        return std::unexpected(
            fmt::format("the server answers with operation 0x{:04x}, 0x{:04x} was expected",
                        static_cast<unsigned>(reply->code), static_cast<unsigned>(expected)));
    }
    if (reply->status != 0) {
        return std::unexpected(DescribeUsbipOperationStatus(reply->status));
    }
    return {};
}

std::expected<UsbipDevice, std::string> ReceiveDevice(const UniqueFd &socket,
                                                      UsbipDeadline deadline) {
    std::array<std::byte, kUsbipDeviceBytes> bytes = {};
    if (auto received = ReceiveAll(socket, bytes, deadline); !received) {
        return std::unexpected(std::move(received.error()));
    }
    auto device = DecodeUsbipDevice(bytes);
    if (!device) {
        return std::unexpected(
            fmt::format("the server describes a device badly: {}", device.error()));
    }
    return device;
}

void SetOption(const UniqueFd &socket, int level, int name, unsigned value) {
    (void)setsockopt(socket.get(), level, name, &value, sizeof(value));
}

void NoticeSilence(const UniqueFd &socket) {
    SetOption(socket, IPPROTO_TCP, TCP_NODELAY, 1);
    SetOption(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
    SetOption(socket, IPPROTO_TCP, TCP_KEEPIDLE, kSilentSecondsBeforeProbe);
    SetOption(socket, IPPROTO_TCP, TCP_KEEPINTVL, kSecondsBetweenProbes);
    SetOption(socket, IPPROTO_TCP, TCP_KEEPCNT, kNumProbes);
    SetOption(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, kUnacknowledgedMilliseconds);
}

std::expected<UniqueFd, std::string> Connect(const addrinfo &address, UsbipDeadline deadline) {
    UniqueFd socket(::socket(address.ai_family, address.ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
                             address.ai_protocol));
    if (!socket) {
        return FailedCall(errno);
    }
    if (connect(socket.get(), address.ai_addr, address.ai_addrlen) != 0 && errno != EINPROGRESS) {
        return FailedCall(errno);
    }
    if (auto ready = Await(socket, POLLOUT, deadline); !ready) {
        return std::unexpected(std::move(ready.error()));
    }
    int error = 0;
    socklen_t length = sizeof(error);
    (void)getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &length);
    if (error != 0) {
        return FailedCall(error);
    }
    NoticeSilence(socket);
    return socket;
}

/// Until when `next` may take, so that one that does not answer leaves as much to each of those behind it.
UsbipDeadline ShareOf(UsbipDeadline deadline, const addrinfo &next) {
    int num_left = 0;
    for (const addrinfo *each = &next; each != nullptr; each = each->ai_next) {
        ++num_left;
    }
    const auto now = std::chrono::steady_clock::now();
    return now + (deadline - now) / num_left;
}

}  // namespace

std::expected<UniqueFd, std::string> ConnectToUsbipServer(const UsbipServerAddress &server,
                                                          UsbipDeadline deadline) {
    const addrinfo hints = {.ai_socktype = SOCK_STREAM};
    addrinfo *addresses = nullptr;
    const int failed =
        getaddrinfo(server.host.c_str(), std::to_string(server.port).c_str(), &hints, &addresses);
    const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(addresses, freeaddrinfo);
    if (failed != 0) {
        return std::unexpected(
            fmt::format("no address of {}: {}", server.host, gai_strerror(failed)));
    }
    std::string why = "it has no address";
    for (const addrinfo *each = addresses; each != nullptr; each = each->ai_next) {
        auto socket = Connect(*each, ShareOf(deadline, *each));
        if (socket) {
            return socket;
        }
        why = std::move(socket.error());
    }
    return std::unexpected(
        fmt::format("no connection to {} port {}: {}", server.host, server.port, why));
}

std::expected<std::vector<UsbipDevice>, std::string> ListUsbipDevices(const UniqueFd &socket,
                                                                      UsbipDeadline deadline) {
    std::vector<std::byte> request;
    EncodeUsbip(UsbipOperation{.code = UsbipOperationCode::kListRequest}, request);
    std::array<std::byte, 4> count = {};
    auto done = SendAll(socket, request, deadline);
    if (done) {
        done = ReceiveReply(socket, UsbipOperationCode::kListReply, deadline);
    }
    if (done) {
        done = ReceiveAll(socket, count, deadline);
    }
    if (!done) {
        return std::unexpected(std::move(done.error()));
    }
    const uint32_t num_devices =
        std::to_integer<uint32_t>(count[0]) << 24 | std::to_integer<uint32_t>(count[1]) << 16 |
        std::to_integer<uint32_t>(count[2]) << 8 | std::to_integer<uint32_t>(count[3]);
    if (num_devices > kUsbipMaxDevices) {
        return std::unexpected(
            fmt::format("the server lists {} devices; {} is the most that is taken", num_devices,
                        kUsbipMaxDevices));
    }
    std::vector<UsbipDevice> devices;
    for (uint32_t i = 0; i < num_devices; ++i) {
        auto device = ReceiveDevice(socket, deadline);
        if (!device) {
            return std::unexpected(std::move(device.error()));
        }
        std::vector<std::byte> interfaces(device->num_interfaces * kUsbipInterfaceBytes);
        if (auto received = ReceiveAll(socket, interfaces, deadline); !received) {
            return std::unexpected(std::move(received.error()));
        }
        devices.push_back(std::move(*device));
    }
    return devices;
}

std::expected<UsbipDevice, std::string> ImportUsbipDevice(const UniqueFd &socket,
                                                          const std::string &bus_id,
                                                          UsbipDeadline deadline) {
    std::vector<std::byte> request;
    EncodeUsbip(UsbipOperation{.code = UsbipOperationCode::kImportRequest}, request);
    EncodeUsbipBusId(bus_id, request);
    auto done = SendAll(socket, request, deadline);
    if (done) {
        done = ReceiveReply(socket, UsbipOperationCode::kImportReply, deadline);
    }
    if (!done) {
        return std::unexpected(std::move(done.error()));
    }
    auto device = ReceiveDevice(socket, deadline);
    if (device && device->bus_id != bus_id) {
        return std::unexpected(
            fmt::format("the server has given the device {}, not {}", device->bus_id, bus_id));
    }
    return device;
}

}  // namespace opendext::backends
