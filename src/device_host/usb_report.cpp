// SPDX-License-Identifier: Apache-2.0
#include "device_host/usb_report.h"

#include <algorithm>
#include <utility>

namespace opendext::device_host {

channel::UsbInterfaceReport ReportOf(const backends::UsbInterfaceSetting &setting,
                                     const backends::UsbDeviceIdentity &device) {
    const auto name = device.interface_names.find(setting.name_string);
    return {.number = setting.number,
            .alternate = setting.alternate,
            .interface_class = setting.interface_class,
            .interface_subclass = setting.interface_subclass,
            .interface_protocol = setting.interface_protocol,
            .num_endpoints = static_cast<uint8_t>(setting.endpoints.size()),
            .name_index = setting.name_string,
            .name = name != device.interface_names.end() ? name->second : std::string()};
}

namespace {

channel::UsbConfigurationReport ReportOfConfiguration(
    const backends::UsbConfiguration &configuration, const backends::UsbDeviceIdentity &device) {
    channel::UsbConfigurationReport report{.value = configuration.value, .interfaces = {}};
    for (const uint8_t number : configuration.InterfaceNumbers()) {
        const auto setting = std::ranges::find(configuration.settings, number,
                                               &backends::UsbInterfaceSetting::number);
        if (setting == configuration.settings.end()) {
            continue;
        }
        report.interfaces.push_back(ReportOf(*setting, device));
    }
    return report;
}

}  // namespace

channel::UsbDeviceReport ReportOf(const backends::UsbDeviceIdentity &device) {
    const backends::UsbDeviceFields &fields = device.descriptors.device;
    channel::UsbDeviceReport report{.id = static_cast<channel::DeviceId>(device.id),
                                    .speed = static_cast<uint8_t>(device.speed),
                                    .address = device.address,
                                    .location = device.location,
                                    .usb_version = fields.usb_version,
                                    .vendor = fields.vendor,
                                    .product = fields.product,
                                    .device_version = fields.device_version,
                                    .device_class = fields.device_class,
                                    .device_subclass = fields.device_subclass,
                                    .device_protocol = fields.device_protocol,
                                    .max_packet_bytes0 = fields.max_packet_bytes0,
                                    .manufacturer_index = fields.manufacturer_string,
                                    .product_index = fields.product_string,
                                    .serial_index = fields.serial_string,
                                    .manufacturer = device.manufacturer,
                                    .product_name = device.product,
                                    .serial = device.serial,
                                    .configurations = {}};
    for (const backends::UsbConfiguration &configuration : device.descriptors.configurations) {
        report.configurations.push_back(ReportOfConfiguration(configuration, device));
    }
    return report;
}

}  // namespace opendext::device_host
