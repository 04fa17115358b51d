// SPDX-License-Identifier: Apache-2.0
#include "backends/usbip/usbip_port.h"

#include <charconv>
#include <chrono>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "backends/usbip/usbip_wire.h"

namespace opendext::backends {

namespace {

constexpr std::chrono::seconds kConversationTime{10};

constexpr std::string_view kPrefix = "usbip:";
constexpr std::string_view kForm = "write usbip:HOST, usbip:HOST/BUSID or usbip:HOST:PORT/BUSID";

UsbipDeadline Deadline() {
    return std::chrono::steady_clock::now() + kConversationTime;
}

std::unexpected<std::string> Wrong(std::string_view text, std::string_view what) {
    return std::unexpected(fmt::format("usbip:{}: {}; {}", text, what, kForm));
}

std::optional<uint16_t> ReadPort(std::string_view text) {
    uint16_t port = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (error != std::errc() || end != text.data() + text.size() || port == 0) {
        return std::nullopt;
    }
    return port;
}

std::string ListOf(const std::vector<UsbipDevice> &devices) {
    std::string list;
    for (const UsbipDevice &device : devices) {
        list += fmt::format("{}/{} ({:04x}:{:04x})", list.empty() ? "" : ", ", device.bus_id,
                            device.vendor, device.product);
    }
    return list;
}

std::expected<std::string, std::string> FindOnlyDevice(const UsbipServerAddress &server) {
    const auto socket = ConnectToUsbipServer(server, Deadline());
    if (!socket) {
        return std::unexpected(socket.error());
    }
    const auto devices = ListUsbipDevices(*socket, Deadline());
    if (!devices) {
        return std::unexpected(devices.error());
    }
    if (devices->empty()) {
        return std::unexpected(
            "the server exports no device; export one there, on Linux by 'usbip bind -b BUSID'");
    }
    if (devices->size() > 1) {
        return std::unexpected(fmt::format("the server exports {} devices; add one of these: {}",
                                           devices->size(), ListOf(*devices)));
    }
    return devices->front().bus_id;
}

std::expected<std::unique_ptr<UsbWire>, std::string> Import(const UsbipServerAddress &server,
                                                            const std::string &bus_id) {
    auto socket = ConnectToUsbipServer(server, Deadline());
    if (!socket) {
        return std::unexpected(std::move(socket.error()));
    }
    const auto device = ImportUsbipDevice(*socket, bus_id, Deadline());
    if (!device) {
        return std::unexpected(device.error());
    }
    return UsbipWire::Create(std::move(*socket), *device,
                             fmt::format("usbip:{}/{}", server.host, bus_id));
}

}  // namespace

std::expected<UsbipSpecification, std::string> ParseUsbipSpecification(std::string_view text) {
    if (text.starts_with(kPrefix)) {
        text.remove_prefix(kPrefix.size());
    }
    UsbipSpecification specification;
    const size_t slash = text.find('/');
    std::string_view server = text.substr(0, slash);
    if (slash != std::string_view::npos) {
        specification.bus_id = text.substr(slash + 1);
        if (specification.bus_id.empty() || specification.bus_id.size() >= kUsbipBusIdBytes) {
            return Wrong(text, "a bus id has 1 to 31 characters");
        }
    }
    const bool is_bracketed = server.starts_with('[');
    const size_t bracket = is_bracketed ? server.find(']') : 0;
    if (bracket == std::string_view::npos) {
        return Wrong(text, "the bracket is not closed");
    }
    const size_t colon = server.find(':', bracket);
    if (colon != std::string_view::npos) {
        const auto port = ReadPort(server.substr(colon + 1));
        if (!port) {
            return Wrong(
                text, "a port is a number from 1 to 65535, and an IPv6 address stands in brackets");
        }
        specification.server.port = *port;
        server = server.substr(0, colon);
    }
    specification.server.host = is_bracketed ? server.substr(1, bracket - 1) : server;
    if (specification.server.host.empty() || (is_bracketed && server.size() != bracket + 1)) {
        return Wrong(text, "there is no host");
    }
    return specification;
}

std::expected<std::unique_ptr<UsbWire>, std::string> CreateUsbipWire(
    std::string_view specification) {
    auto parsed = ParseUsbipSpecification(specification);
    if (!parsed) {
        return std::unexpected(std::move(parsed.error()));
    }
    const auto explain = [specification](const std::string &why) {
        const bool has_prefix = specification.starts_with(kPrefix);
        return why.starts_with(kPrefix)
                   ? why
                   : fmt::format("{}{}: {}", has_prefix ? "" : kPrefix, specification, why);
    };
    if (parsed->bus_id.empty()) {
        auto only = FindOnlyDevice(parsed->server);
        if (!only) {
            return std::unexpected(explain(only.error()));
        }
        parsed->bus_id = std::move(*only);
    }
    auto wire = Import(parsed->server, parsed->bus_id);
    if (!wire) {
        return std::unexpected(explain(wire.error()));
    }
    return wire;
}

std::expected<std::unique_ptr<UsbPort>, std::string> CreateUsbipPort(
    std::string_view specification) {
    auto wire = CreateUsbipWire(specification);
    if (!wire) {
        return std::unexpected(std::move(wire.error()));
    }
    return WiredUsbPort::Create(std::move(*wire));
}

}  // namespace opendext::backends
