// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backends/api/usb_types.h"

namespace opendext::backends {

/// What a device says of itself, checked: every byte string here has been walked to its end. Descriptors come from
/// devices and from other machines, so nothing that uses this type needs to look at lengths again.
struct UsbEndpoint {
    UsbEndpointAddress address;
    UsbTransferType type = UsbTransferType::kBulk;
    uint16_t max_packet_bytes = 0;  ///< Without the multiplier.
    uint8_t packets_per_frame =
        1;                 ///< Of periodic endpoints at high speed; bMaxBurst + 1 at SuperSpeed.
    uint8_t interval = 0;  ///< bInterval.
    uint8_t max_streams_log2 = 0;  ///< SuperSpeed bulk: 2^n streams; 0: none.
    size_t offset = 0;             ///< Of its descriptor, in the configuration's bytes.
};

/// One alternate setting of an interface.
struct UsbInterfaceSetting {
    uint8_t number = 0;
    uint8_t alternate = 0;
    uint8_t interface_class = 0;
    uint8_t interface_subclass = 0;
    uint8_t interface_protocol = 0;
    uint8_t name_string = 0;
    std::vector<UsbEndpoint> endpoints;
    size_t offset = 0;  ///< Of its descriptor, in the configuration's bytes.

    [[nodiscard]] const UsbEndpoint *Find(UsbEndpointAddress address) const;
};

struct UsbConfiguration {
    uint8_t value = 0;  ///< bConfigurationValue.
    uint8_t attributes = 0;
    uint8_t max_power = 0;
    std::vector<UsbInterfaceSetting> settings;  ///< In the order of the descriptors.
    std::vector<std::byte> bytes;               ///< wTotalLength of them.

    [[nodiscard]] const UsbInterfaceSetting *Find(uint8_t interface_number,
                                                  uint8_t alternate) const;
    /// The numbers of its interfaces, each once, ascending.
    [[nodiscard]] std::vector<uint8_t> InterfaceNumbers() const;
};

/// The 18 bytes of a device descriptor, read.
struct UsbDeviceFields {
    uint16_t usb_version = 0;  ///< bcdUSB.
    uint8_t device_class = 0;
    uint8_t device_subclass = 0;
    uint8_t device_protocol = 0;
    uint8_t max_packet_bytes0 = 64;  ///< bMaxPacketSize0; at SuperSpeed the exponent, 9.
    uint16_t vendor = 0;
    uint16_t product = 0;
    uint16_t device_version = 0;  ///< bcdDevice.
    uint8_t manufacturer_string = 0;
    uint8_t product_string = 0;
    uint8_t serial_string = 0;
    uint8_t num_configurations = 0;
};

struct UsbDescriptors {
    std::vector<std::byte> device_bytes;  ///< 18.
    UsbDeviceFields device;
    std::vector<UsbConfiguration> configurations;  ///< By index, not by value.
    std::vector<std::byte> capabilities;  ///< The BOS descriptor with all that follows, or empty.

    [[nodiscard]] const UsbConfiguration *FindConfiguration(uint8_t value) const;

    /// The string indexes that interfaces have for their names, ascending, each once.
    [[nodiscard]] std::vector<uint8_t> InterfaceNameIndexes() const;
};

/// Why descriptors were refused: "configuration 0, byte 27: an endpoint descriptor has 7 bytes, this one says 3".
using UsbDescriptorError = std::string;

/// Reads a device descriptor. It must have 18 bytes, its own type, and at least one configuration.
[[nodiscard]] std::expected<UsbDeviceFields, UsbDescriptorError> ReadUsbDeviceDescriptor(
    std::span<const std::byte> bytes);

/// Reads one configuration: `index` names it in errors. `bytes` may be longer than its wTotalLength, not shorter.
/// Refused: a length of 0 or one that leaves the configuration, an endpoint outside an interface, endpoint number 0,
/// the same endpoint twice in a setting, the same setting twice, fewer endpoints than the interface announces, a
/// bConfigurationValue of 0. Descriptors of other types are stepped over; reserved bits of an endpoint's address are
/// dropped, and reserved values of bursts and streams count as the largest that there is.
[[nodiscard]] std::expected<UsbConfiguration, UsbDescriptorError> ReadUsbConfiguration(
    std::span<const std::byte> bytes, size_t index);

/// All of it, from the raw bytes of a device: device descriptor, one byte string for each configuration, BOS (may be
/// empty; its lengths are checked). The number of configurations must be the one that the device announces, and their
/// values must differ.
[[nodiscard]] std::expected<UsbDescriptors, UsbDescriptorError> ReadUsbDescriptors(
    std::span<const std::byte> device, std::span<const std::vector<std::byte>> configurations,
    std::span<const std::byte> capabilities);

}  // namespace opendext::backends
