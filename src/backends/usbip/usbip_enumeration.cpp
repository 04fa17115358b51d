// SPDX-License-Identifier: Apache-2.0
#include "backends/usbip/usbip_enumeration.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "backends/api/usb_string_descriptor.h"
#include "base/byte_cursor.h"

namespace opendext::backends {

namespace {

constexpr uint8_t kGetDescriptor = 6;
constexpr uint8_t kDeviceType = 1;
constexpr uint8_t kConfigurationType = 2;
constexpr uint8_t kStringType = 3;
constexpr uint8_t kCapabilitiesType = 15;
constexpr uint16_t kFirstVersionWithCapabilities = 0x0201;
constexpr uint16_t kUsEnglish = 0x0409;

using Bytes = std::vector<std::byte>;

std::expected<Bytes, UsbStatus> GetDescriptor(const UsbControlRequest &control, uint8_t type,
                                              uint8_t index, uint16_t language, uint16_t length) {
    Bytes bytes(length);
    const UsbSetup setup{.request_type = 0x80,
                         .request = kGetDescriptor,
                         .value = static_cast<uint16_t>(type << 8 | index),
                         .index = language,
                         .length = length};
    const auto num_bytes = control(setup, bytes);
    if (!num_bytes) {
        return std::unexpected(num_bytes.error());
    }
    bytes.resize(std::min(bytes.size(), *num_bytes));
    return bytes;
}

// A descriptor that tells its whole length in bytes 2 and 3: its head first, then all of it.
std::expected<Bytes, UsbStatus> GetLongDescriptor(const UsbControlRequest &control, uint8_t type,
                                                  uint8_t index, uint16_t head_bytes) {
    const auto head = GetDescriptor(control, type, index, 0, head_bytes);
    if (!head || head->size() < head_bytes) {
        return head;
    }
    ByteReader reader(*head, std::endian::little);
    reader.Skip(2);
    return GetDescriptor(control, type, index, 0, std::max(reader.Take<uint16_t>(), head_bytes));
}

std::string GetString(const UsbControlRequest &control, uint8_t index, uint16_t language) {
    if (index == 0) {
        return {};
    }
    const auto bytes = GetDescriptor(control, kStringType, index, language, 255);
    return bytes ? ReadUsbString(*bytes).value_or("") : std::string();
}

uint16_t ChooseLanguage(const UsbControlRequest &control) {
    const auto bytes = GetDescriptor(control, kStringType, 0, 0, 255);
    const auto languages = bytes ? ReadUsbLanguages(*bytes) : std::vector<uint16_t>();
    const bool has_english = std::ranges::find(languages, kUsEnglish) != languages.end();
    return languages.empty() || has_english ? kUsEnglish : languages.front();
}

std::unexpected<std::string> Failed(std::string_view what, UsbStatus status) {
    return std::unexpected(
        fmt::format("the device does not give its {}: {}", what, NameOf(status)));
}

}  // namespace

std::expected<UsbEnumeration, std::string> EnumerateUsbDevice(const UsbControlRequest &control) {
    const auto device = GetDescriptor(control, kDeviceType, 0, 0, 18);
    if (!device) {
        return Failed("device descriptor", device.error());
    }
    const auto fields = ReadUsbDeviceDescriptor(*device);
    if (!fields) {
        return std::unexpected(fields.error());
    }
    std::vector<Bytes> configurations;
    for (uint8_t i = 0; i < fields->num_configurations; ++i) {
        auto configuration = GetLongDescriptor(control, kConfigurationType, i, 9);
        if (!configuration) {
            return Failed(fmt::format("configuration {}", i), configuration.error());
        }
        configurations.push_back(std::move(*configuration));
    }
    Bytes capabilities;
    if (fields->usb_version >= kFirstVersionWithCapabilities) {
        capabilities = GetLongDescriptor(control, kCapabilitiesType, 0, 5).value_or(Bytes());
    }
    auto descriptors = ReadUsbDescriptors(*device, configurations, capabilities);
    if (!descriptors) {
        return std::unexpected(std::move(descriptors.error()));
    }
    UsbEnumeration found{.descriptors = std::move(*descriptors)};
    const std::vector<uint8_t> names = found.descriptors.InterfaceNameIndexes();
    if (fields->manufacturer_string != 0 || fields->product_string != 0 ||
        fields->serial_string != 0 || !names.empty()) {
        const uint16_t language = ChooseLanguage(control);
        found.manufacturer = GetString(control, fields->manufacturer_string, language);
        found.product = GetString(control, fields->product_string, language);
        found.serial = GetString(control, fields->serial_string, language);
        for (const uint8_t index : names) {
            std::string name = GetString(control, index, language);
            if (name.empty()) {
                break;
            }
            found.interface_names.emplace(index, std::move(name));
        }
    }
    return found;
}

}  // namespace opendext::backends
