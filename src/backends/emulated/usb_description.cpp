// SPDX-License-Identifier: Apache-2.0
#include "backends/emulated/usb_description.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <initializer_list>

#include "backends/emulated/usb_string_text.h"

namespace opendext::backends {
namespace {

constexpr size_t kMaxConfigurationBytes = 0xFFFF;
constexpr size_t kMaxStringUnits = 126;  // bLength has one byte
constexpr size_t kMaxStrings = 255;

// Offsets in descriptors.
constexpr size_t kTotalLength = 2;
constexpr size_t kNumInterfaces = 4;
constexpr size_t kNumEndpoints = 4;

void Append(std::vector<std::byte> &bytes, std::initializer_list<unsigned> values) {
    for (const unsigned value : values) {
        bytes.push_back(static_cast<std::byte>(value));
    }
}

bool IsSuper(UsbSpeed speed) {
    return speed >= UsbSpeed::kSuper;
}

uint16_t UsbVersion(UsbSpeed speed) {
    switch (speed) {
        case UsbSpeed::kLow:
        case UsbSpeed::kFull:
            return 0x0110;
        case UsbSpeed::kHigh:
            return 0x0200;
        case UsbSpeed::kSuper:
            return 0x0300;
        case UsbSpeed::kSuperPlus:
            return 0x0310;
    }
    return 0x0200;
}

uint8_t ControlPacketBytes(UsbSpeed speed) {
    if (IsSuper(speed)) {
        return 9;  // 2^9
    }
    return speed == UsbSpeed::kLow ? 8 : 64;
}

uint16_t BulkPacketBytes(UsbSpeed speed) {
    if (IsSuper(speed)) {
        return 1024;
    }
    return speed == UsbSpeed::kHigh ? 512 : 64;
}

std::vector<std::byte> DeviceBytes(const UsbDeviceFields &device) {
    std::vector<std::byte> bytes;
    const auto low = [](uint16_t value) { return value & 0xFFU; };
    const auto high = [](uint16_t value) { return static_cast<unsigned>(value >> 8); };
    Append(bytes,
           {18, 1, low(device.usb_version), high(device.usb_version), device.device_class,
            device.device_subclass, device.device_protocol, device.max_packet_bytes0,
            low(device.vendor), high(device.vendor), low(device.product), high(device.product),
            low(device.device_version), high(device.device_version), device.manufacturer_string,
            device.product_string, device.serial_string, device.num_configurations});
    return bytes;
}

/// The BOS descriptor that a device of that speed must have.
std::vector<std::byte> CapabilityBytes(UsbSpeed speed) {
    std::vector<std::byte> bytes;
    if (!IsSuper(speed)) {
        return bytes;
    }
    const bool is_plus = speed == UsbSpeed::kSuperPlus;
    Append(bytes, {5, 15, is_plus ? 42U : 22U, 0, is_plus ? 3U : 2U});
    Append(bytes, {7, 16, 2, 0x02, 0, 0, 0});                   // USB 2.0 extension
    Append(bytes, {10, 16, 3, 0, 0x0E, 0, 1, 10, 0xFF, 0x07});  // full, high and super speed
    if (is_plus) {
        // One lane of 10 Gbit/s, as a receiver's and a transmitter's attribute.
        Append(bytes, {20, 16, 10, 0, 1, 0, 0, 0, 0, 0x11, 0, 0});
        Append(bytes, {0x30, 0x40, 0x0A, 0, 0xB0, 0x40, 0x0A, 0});
    }
    return bytes;
}

}  // namespace

UsbDeviceBuilder::UsbDeviceBuilder(uint16_t vendor, uint16_t product, UsbSpeed speed)
    : speed_(speed),
      device_{.usb_version = UsbVersion(speed),
              .max_packet_bytes0 = ControlPacketBytes(speed),
              .vendor = vendor,
              .product = product,
              .device_version = 0x0100} {}

UsbDeviceBuilder &UsbDeviceBuilder::DeviceVersion(uint16_t bcd_device) {
    device_.device_version = bcd_device;
    return *this;
}

UsbDeviceBuilder &UsbDeviceBuilder::DeviceClass(uint8_t device_class, uint8_t subclass,
                                                uint8_t protocol) {
    device_.device_class = device_class;
    device_.device_subclass = subclass;
    device_.device_protocol = protocol;
    return *this;
}

UsbDeviceBuilder &UsbDeviceBuilder::Strings(std::string_view manufacturer, std::string_view product,
                                            std::string_view serial) {
    device_.manufacturer_string = AddString(manufacturer);
    device_.product_string = AddString(product);
    device_.serial_string = AddString(serial);
    return *this;
}

void UsbDeviceBuilder::Fail(std::string message) {
    if (error_.empty()) {
        error_ = std::move(message);
    }
}

uint8_t UsbDeviceBuilder::AddString(std::string_view text) {
    if (text.empty()) {
        return 0;
    }
    if (Utf16Of(text).size() > kMaxStringUnits || strings_.size() == kMaxStrings) {
        Fail(fmt::format("a device has at most {} strings of at most {} UTF-16 units", kMaxStrings,
                         kMaxStringUnits));
        return 0;
    }
    strings_.emplace_back(text);
    return static_cast<uint8_t>(strings_.size());
}

UsbDeviceBuilder &UsbDeviceBuilder::Configuration(uint8_t value, uint8_t attributes,
                                                  uint8_t max_power_2ma) {
    configurations_.emplace_back();
    interface_numbers_.clear();
    interface_offset_ = 0;
    Append(configurations_.back(), {9, 2, 0, 0, 0, value, 0, attributes, max_power_2ma});
    return *this;
}

UsbDeviceBuilder &UsbDeviceBuilder::Interface(uint8_t number, uint8_t alternate,
                                              uint8_t interface_class, uint8_t subclass,
                                              uint8_t protocol, std::string_view name) {
    if (configurations_.empty()) {
        Fail(fmt::format("interface {} comes before any configuration", number));
        return *this;
    }
    std::vector<std::byte> &bytes = configurations_.back();
    interface_offset_ = bytes.size();
    Append(bytes,
           {9, 4, number, alternate, 0, interface_class, subclass, protocol, AddString(name)});
    if (std::ranges::find(interface_numbers_, number) == interface_numbers_.end()) {
        interface_numbers_.push_back(number);
        bytes[kNumInterfaces] = static_cast<std::byte>(interface_numbers_.size());
    }
    return *this;
}

void UsbDeviceBuilder::AddEndpoint(const EndpointFields &endpoint) {
    if (interface_offset_ == 0) {
        return Fail(fmt::format("endpoint {:#04x} comes before any interface", endpoint.address));
    }
    std::vector<std::byte> &bytes = configurations_.back();
    const bool is_super = IsSuper(speed_);
    const unsigned packets = std::max<unsigned>(endpoint.packets, 1);
    const unsigned packet = endpoint.max_packet_bytes | (is_super ? 0U : (packets - 1) << 11);
    Append(bytes, {7, 5, endpoint.address, static_cast<unsigned>(endpoint.type), packet & 0xFF,
                   packet >> 8, endpoint.interval});
    if (is_super) {
        const bool is_periodic = endpoint.type != UsbTransferType::kBulk;
        const unsigned per_interval = is_periodic ? endpoint.max_packet_bytes * packets : 0;
        Append(bytes, {6, 48, packets - 1, endpoint.streams_log2, per_interval & 0xFF,
                       per_interval >> 8 & 0xFF});
    } else if (endpoint.streams_log2 != 0) {
        Fail(fmt::format("endpoint {:#04x}: streams are of SuperSpeed", endpoint.address));
    }
    bytes[interface_offset_ + kNumEndpoints] =
        static_cast<std::byte>(static_cast<unsigned>(bytes[interface_offset_ + kNumEndpoints]) + 1);
}

UsbDeviceBuilder &UsbDeviceBuilder::Bulk(uint8_t address, uint16_t max_packet_bytes,
                                         uint8_t streams_log2) {
    AddEndpoint(
        {.address = address,
         .type = UsbTransferType::kBulk,
         .max_packet_bytes = max_packet_bytes == 0 ? BulkPacketBytes(speed_) : max_packet_bytes,
         .streams_log2 = streams_log2});
    return *this;
}

UsbDeviceBuilder &UsbDeviceBuilder::Interrupt(uint8_t address, uint16_t max_packet_bytes,
                                              uint8_t interval) {
    AddEndpoint({.address = address,
                 .type = UsbTransferType::kInterrupt,
                 .max_packet_bytes = max_packet_bytes,
                 .interval = interval});
    return *this;
}

UsbDeviceBuilder &UsbDeviceBuilder::Isochronous(uint8_t address, uint16_t max_packet_bytes,
                                                uint8_t interval, uint8_t packets) {
    AddEndpoint({.address = address,
                 .type = UsbTransferType::kIsochronous,
                 .max_packet_bytes = max_packet_bytes,
                 .interval = interval,
                 .packets = packets});
    return *this;
}

UsbDeviceBuilder &UsbDeviceBuilder::Descriptor(std::span<const std::byte> bytes) {
    if (configurations_.empty()) {
        Fail("a descriptor comes before any configuration");
        return *this;
    }
    configurations_.back().insert(configurations_.back().end(), bytes.begin(), bytes.end());
    return *this;
}

BackendResult<UsbDescription> UsbDeviceBuilder::Build() const {
    std::string error = error_;
    std::vector<std::vector<std::byte>> configurations = configurations_;
    for (std::vector<std::byte> &bytes : configurations) {
        if (bytes.size() > kMaxConfigurationBytes && error.empty()) {
            error = fmt::format("a configuration of {} bytes; there can be {}", bytes.size(),
                                kMaxConfigurationBytes);
        }
        bytes[kTotalLength] = static_cast<std::byte>(bytes.size() & 0xFF);
        bytes[kTotalLength + 1] = static_cast<std::byte>(bytes.size() >> 8 & 0xFF);
    }
    UsbDeviceFields device = device_;
    device.num_configurations = static_cast<uint8_t>(std::min<size_t>(configurations.size(), 255));
    auto descriptors = error.empty() ? ReadUsbDescriptors(DeviceBytes(device), configurations,
                                                          CapabilityBytes(speed_))
                                     : std::unexpected(error);
    if (!descriptors) {
        return Refuse(BackendErrorCode::kInvalidArgument,
                      "USB device description: " + descriptors.error());
    }
    return UsbDescription{
        .speed = speed_, .descriptors = std::move(*descriptors), .strings = strings_};
}

}  // namespace opendext::backends
