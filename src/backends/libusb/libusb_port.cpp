// SPDX-License-Identifier: Apache-2.0
#include "backends/libusb/libusb_port.h"

#include <utility>

#include "backends/libusb/libusb_selector.h"
#include "backends/libusb/libusb_wire.h"
#include "backends/usb/wired_usb_port.h"

namespace opendext::backends {

std::expected<std::unique_ptr<UsbWire>, std::string> CreateLibusbWire(
    std::string_view specification) {
    std::expected<LibusbSelector, std::string> selector = ParseLibusbSelector(specification);
    if (!selector) {
        return std::unexpected(selector.error());
    }
    return LibusbWire::Create(std::move(*selector));
}

std::expected<std::unique_ptr<UsbPort>, std::string> CreateLibusbPort(
    std::string_view specification) {
    std::expected<std::unique_ptr<UsbWire>, std::string> wire = CreateLibusbWire(specification);
    if (!wire) {
        return std::unexpected(wire.error());
    }
    return WiredUsbPort::Create(std::move(*wire));
}

}  // namespace opendext::backends
