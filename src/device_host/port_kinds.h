// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "backends/api/usb_port.h"
#include "backends/usb/usb_wire.h"

namespace opendext::device_host {

/// A kind of USB port that `--device` can name: PREFIX:REST.
struct PortKind {
    std::string_view prefix;   ///< "model"
    std::string_view example;  ///< "model:usb-loopback"
    std::string_view summary;  ///< "a software device", for lists.
    /// Makes the way to it. `specification` is all of it, with the prefix. The error is one line that says what would be
    /// right.
    std::expected<std::unique_ptr<backends::UsbWire>, std::string> (*make)(
        std::string_view specification);
};

[[nodiscard]] std::span<const PortKind> PortKinds();

/// Whether the device has a process of its own and is reached through a USB port. Else it is a PCI device, whose model
/// lives in its driver's process. What nobody knows is taken for a port: MakePort says what there is.
[[nodiscard]] bool IsUsbPort(std::string_view specification);

/// Makes the port that `--device` names.
[[nodiscard]] std::expected<std::shared_ptr<backends::UsbPort>, std::string> MakePort(
    std::string_view specification);

}  // namespace opendext::device_host
