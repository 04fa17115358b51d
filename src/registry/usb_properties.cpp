// SPDX-License-Identifier: Apache-2.0
#include "registry/usb_properties.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

namespace opendext::registry {

namespace {

using Dictionary = PropertyValue::Dictionary;

/// Bits per second, by UsbDeviceReport::speed.
constexpr std::array<uint64_t, 5> kLinkSpeeds = {1'500'000, 12'000'000, 480'000'000, 5'000'000'000,
                                                 10'000'000'000};
/// "USBSpeed" by the same: low speed is 2 and full speed 1 there, as in a port's status.
constexpr std::array<uint64_t, 5> kSpeedCodes = {2, 1, 3, 4, 5};

PropertyValue Number(uint64_t value, uint8_t num_bits) {
    return PropertyValue::FromInteger(value, num_bits);
}

void AddText(Dictionary &properties, std::string_view text, std::string_view old_key,
             std::string_view new_key) {
    if (!text.empty()) {
        properties.insert_or_assign(std::string(old_key), text);
        properties.insert_or_assign(std::string(new_key), text);
    }
}

// What a device and its interfaces have in common.
Dictionary SharedProperties(const channel::UsbDeviceReport &device, uint32_t location) {
    const size_t speed = std::min<size_t>(device.speed, kLinkSpeeds.size() - 1);
    Dictionary properties = {
        {"idVendor", Number(device.vendor, 16)},
        {"idProduct", Number(device.product, 16)},
        {"bcdDevice", Number(device.device_version, 16)},
        {"locationID", Number(location, 32)},
        {"USBSpeed", Number(kSpeedCodes.at(speed), 8)},
        // A driver needs the transport's entitlement, whatever it matches by.
        {"IOServiceDEXTEntitlements", PropertyValue::Array{PropertyValue(PropertyValue::Array{
                                          "com.apple.developer.driverkit.transport.usb"})}},
    };
    AddText(properties, device.manufacturer, "USB Vendor Name", "kUSBVendorString");
    AddText(properties, device.product_name, "USB Product Name", "kUSBProductString");
    AddText(properties, device.serial, "USB Serial Number", "kUSBSerialNumberString");
    return properties;
}

}  // namespace

Dictionary UsbDeviceProperties(const channel::UsbDeviceReport &device, uint32_t location) {
    const size_t speed = std::min<size_t>(device.speed, kLinkSpeeds.size() - 1);
    Dictionary properties = SharedProperties(device, location);
    properties.insert({
        {"bcdUSB", Number(device.usb_version, 16)},
        {"bDeviceClass", Number(device.device_class, 8)},
        {"bDeviceSubClass", Number(device.device_subclass, 8)},
        {"bDeviceProtocol", Number(device.device_protocol, 8)},
        {"bMaxPacketSize0", Number(device.max_packet_bytes0, 8)},
        {"iManufacturer", Number(device.manufacturer_index, 8)},
        {"iProduct", Number(device.product_index, 8)},
        {"iSerialNumber", Number(device.serial_index, 8)},
        {"bNumConfigurations", Number(device.configurations.size(), 8)},
        {"USB Address", Number(device.address, 8)},
        {"kUSBAddress", Number(device.address, 8)},
        {"Device Speed", Number(speed, 8)},
        {"UsbLinkSpeed", Number(kLinkSpeeds.at(speed), 64)},
    });
    return properties;
}

Dictionary UsbSettingProperties(const channel::UsbInterfaceReport &setting) {
    Dictionary properties = {
        {"bInterfaceNumber", Number(setting.number, 8)},
        {"bAlternateSetting", Number(setting.alternate, 8)},
        {"bInterfaceClass", Number(setting.interface_class, 8)},
        {"bInterfaceSubClass", Number(setting.interface_subclass, 8)},
        {"bInterfaceProtocol", Number(setting.interface_protocol, 8)},
        {"bNumEndpoints", Number(setting.num_endpoints, 8)},
        {"iInterface", Number(setting.name_index, 8)},
    };
    if (!setting.name.empty()) {
        properties.insert_or_assign("kUSBString", setting.name);
    }
    return properties;
}

Dictionary UsbInterfaceProperties(const channel::UsbDeviceReport &device, uint32_t location,
                                  uint8_t configuration,
                                  const channel::UsbInterfaceReport &interface) {
    Dictionary properties = SharedProperties(device, location);
    properties.insert({"bConfigurationValue", Number(configuration, 8)});
    properties.merge(UsbSettingProperties(interface));
    return properties;
}

}  // namespace opendext::registry
