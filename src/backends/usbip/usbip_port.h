// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <memory>
#include <string>
#include <string_view>

#include "backends/usb/usb_wire.h"
#include "backends/usb/wired_usb_port.h"
#include "backends/usbip/usbip_connection.h"

namespace opendext::backends {

/// [usbip:]HOST[:PORT][/BUSID]: a device of a USB/IP server. An IPv6 address stands in brackets.
struct UsbipSpecification {
    UsbipServerAddress server;
    std::string bus_id;  ///< Empty: the only device that the server exports.
};

/// @return what is wrong with it, in one line.
[[nodiscard]] std::expected<UsbipSpecification, std::string> ParseUsbipSpecification(
    std::string_view text);

/// Connects, imports the device and fetches its descriptors; waits for the server, for about 15 s at most. Without a bus
/// id the server must export exactly one device; the error lists what it exports.
[[nodiscard]] std::expected<std::unique_ptr<UsbWire>, std::string> CreateUsbipWire(
    std::string_view specification);

/// The same, with the port at its end.
[[nodiscard]] std::expected<std::unique_ptr<UsbPort>, std::string> CreateUsbipPort(
    std::string_view specification);

}  // namespace opendext::backends
