// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <span>
#include <string>

#include <libusb.h>

#include "backends/api/usb_descriptors.h"

namespace opendext::backends {

/// Reads a device's own descriptors: device, all configurations, BOS. Talks to the device; handles libusb's events
/// meanwhile. @return what is wrong, in one line.
[[nodiscard]] std::expected<UsbDescriptors, std::string> ReadDescriptors(
    libusb_device_handle *handle);

/// A string of the device, in US English or else in its first language, as UTF-8; empty when there is none.
[[nodiscard]] std::string ReadString(libusb_device_handle *handle, uint8_t index);

/// The strings that interfaces have for their names, by index. A device that fails to give one is not asked for more.
[[nodiscard]] std::map<uint8_t, std::string> ReadInterfaceNames(libusb_device_handle *handle,
                                                                const UsbDescriptors &descriptors);

/// The bytes of a string descriptor, as UTF-8. What is no UTF-16 becomes U+FFFD.
[[nodiscard]] std::string DecodeStringDescriptor(std::span<const uint8_t> bytes);

}  // namespace opendext::backends
