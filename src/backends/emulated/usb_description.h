// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/api/backend_error.h"
#include "backends/api/usb_descriptors.h"

namespace opendext::backends {

/// What a model is: its descriptors, checked, its strings, its speed.
struct UsbDescription {
    UsbSpeed speed = UsbSpeed::kHigh;
    UsbDescriptors descriptors;
    std::vector<std::string> strings;  ///< UTF-8, from string index 1; language US English.
};

/// Makes a UsbDescription, descriptor by descriptor, in the order of the calls:
///
///     UsbDeviceBuilder(0x1209, 0x0001, UsbSpeed::kHigh)
///         .Strings("OpenDext", "Loader", "0001")
///         .Configuration(1)
///         .Interface(0, 0, 0xFF, 0, 0)
///         .Bulk(0x01)
///         .Bulk(0x81)
///         .Build();
///
/// Lengths, counts and the companions of SuperSpeed are filled in.
class UsbDeviceBuilder {
public:
    UsbDeviceBuilder(uint16_t vendor, uint16_t product, UsbSpeed speed);

    UsbDeviceBuilder &DeviceVersion(uint16_t bcd_device);
    UsbDeviceBuilder &DeviceClass(uint8_t device_class, uint8_t subclass, uint8_t protocol);
    /// Empty strings are left out.
    UsbDeviceBuilder &Strings(std::string_view manufacturer, std::string_view product,
                              std::string_view serial);
    UsbDeviceBuilder &Configuration(uint8_t value, uint8_t attributes = 0x80,
                                    uint8_t max_power_2ma = 50);
    /// `name`: its string, or empty.
    UsbDeviceBuilder &Interface(uint8_t number, uint8_t alternate, uint8_t interface_class,
                                uint8_t subclass, uint8_t protocol, std::string_view name = {});
    /// 0 bytes: the largest packet of the speed. `streams_log2`: SuperSpeed only.
    UsbDeviceBuilder &Bulk(uint8_t address, uint16_t max_packet_bytes = 0,
                           uint8_t streams_log2 = 0);
    UsbDeviceBuilder &Interrupt(uint8_t address, uint16_t max_packet_bytes, uint8_t interval);
    /// `packets`: per microframe, at high speed and above.
    UsbDeviceBuilder &Isochronous(uint8_t address, uint16_t max_packet_bytes, uint8_t interval,
                                  uint8_t packets = 1);
    /// Any other descriptor, whole, at this place.
    UsbDeviceBuilder &Descriptor(std::span<const std::byte> bytes);

    /// @return kInvalidArgument with what ReadUsbDescriptors says, when the parts make no valid device.
    [[nodiscard]] BackendResult<UsbDescription> Build() const;

private:
    struct EndpointFields {
        uint8_t address = 0;
        UsbTransferType type = UsbTransferType::kBulk;
        uint16_t max_packet_bytes = 0;
        uint8_t interval = 0;
        uint8_t packets = 1;
        uint8_t streams_log2 = 0;
    };

    void Fail(std::string message);
    [[nodiscard]] uint8_t AddString(std::string_view text);
    void AddEndpoint(const EndpointFields &endpoint);

    UsbSpeed speed_;
    UsbDeviceFields device_;
    std::vector<std::string> strings_;
    std::vector<std::vector<std::byte>> configurations_;
    std::vector<uint8_t> interface_numbers_;  // of the latest configuration
    size_t interface_offset_ = 0;             // of the latest interface in it; 0: none yet
    std::string error_;                       // the first mistake
};

}  // namespace opendext::backends
