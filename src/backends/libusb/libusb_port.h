// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <memory>
#include <string>
#include <string_view>

#include "backends/api/usb_port.h"
#include "backends/usb/usb_wire.h"

namespace opendext::backends {

/// The wire for `--device libusb:VVVV:PPPP[,bus=N][,port=1.2][,serial=TEXT]`: hardware on this machine. A device that is
/// not plugged in is waited for. @return what is wrong with the specification, or what keeps the device from being used
/// and what to do about it, in one line.
[[nodiscard]] std::expected<std::unique_ptr<UsbWire>, std::string> CreateLibusbWire(
    std::string_view specification);

/// The same, with the port at its end.
[[nodiscard]] std::expected<std::unique_ptr<UsbPort>, std::string> CreateLibusbPort(
    std::string_view specification);

}  // namespace opendext::backends
