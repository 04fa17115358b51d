// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <expected>
#include <functional>
#include <map>
#include <span>
#include <string>

#include "backends/api/usb_descriptors.h"
#include "backends/api/usb_types.h"

namespace opendext::backends {

/// Carries out one control request; `data` is its data stage. @return how many bytes have moved, or how it failed.
using UsbControlRequest = std::function<std::expected<size_t, UsbStatus>(
    const UsbSetup &setup, std::span<std::byte> data)>;

/// What a device tells of itself when it is asked.
struct UsbEnumeration {
    UsbDescriptors descriptors;
    std::string manufacturer;
    std::string product;
    std::string serial;
    std::map<uint8_t, std::string> interface_names;  ///< By their string index; where there is one.
};

/// Fetches all descriptors, the three strings and those of interfaces; one that fails to give a name of an interface is
/// not asked for more of them. A device that has none of a string, or no capabilities, may stall;
/// anything else that fails is told in one line. @param control  is called on this thread, one request at a time.
[[nodiscard]] std::expected<UsbEnumeration, std::string> EnumerateUsbDevice(
    const UsbControlRequest &control);

}  // namespace opendext::backends
