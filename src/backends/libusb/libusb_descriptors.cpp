// SPDX-License-Identifier: Apache-2.0
#include "backends/libusb/libusb_descriptors.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace opendext::backends {
namespace {

constexpr unsigned kTimeoutMs = 2000;
constexpr size_t kDeviceBytes = 18;
constexpr size_t kHeaderBytes = 9;  // Of a configuration; of a BOS, 5.
constexpr size_t kBosHeaderBytes = 5;
constexpr uint16_t kUsEnglish = 0x0409;
constexpr uint16_t kFirstVersionWithBos = 0x0201;
/// wTotalLength has its place in the header.
constexpr size_t kTotalLengthOffset = 2;

using Bytes = std::vector<std::byte>;

/// GET_DESCRIPTOR. @return what came, possibly less than asked for, or libusb's error.
std::expected<Bytes, int> GetDescriptor(libusb_device_handle *handle, uint8_t type, uint8_t index,
                                        uint16_t language, size_t num_bytes) {
    Bytes bytes(num_bytes);
    const int done =
        libusb_control_transfer(handle, LIBUSB_ENDPOINT_IN, LIBUSB_REQUEST_GET_DESCRIPTOR,
                                static_cast<uint16_t>(type << 8 | index), language,
                                reinterpret_cast<unsigned char *>(bytes.data()),
                                static_cast<uint16_t>(num_bytes), kTimeoutMs);
    if (done < 0) {
        return std::unexpected(done);
    }
    bytes.resize(static_cast<size_t>(done));
    return bytes;
}

/// A descriptor that says in its header how long it is with all that follows it.
std::expected<Bytes, int> GetWithTotal(libusb_device_handle *handle, uint8_t type, uint8_t index,
                                       size_t header_bytes) {
    const std::expected<Bytes, int> header = GetDescriptor(handle, type, index, 0, header_bytes);
    if (!header || header->size() < header_bytes) {
        return header;
    }
    const auto total = std::to_integer<size_t>((*header)[kTotalLengthOffset]) |
                       std::to_integer<size_t>((*header)[kTotalLengthOffset + 1]) << 8;
    return GetDescriptor(handle, type, index, 0, std::max(total, header_bytes));
}

std::unexpected<std::string> CannotRead(std::string_view what, int error) {
    return std::unexpected(
        fmt::format("the {} cannot be read: {}", what, libusb_error_name(error)));
}

void AppendUtf8(std::string &text, char32_t code) {
    const auto byte = [&](char32_t bits) { text.push_back(static_cast<char>(bits)); };
    if (code < 0x80) {
        byte(code);
    } else if (code < 0x800) {
        byte(0xC0 | code >> 6);
        byte(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
        byte(0xE0 | code >> 12);
        byte(0x80 | (code >> 6 & 0x3F));
        byte(0x80 | (code & 0x3F));
    } else {
        byte(0xF0 | code >> 18);
        byte(0x80 | (code >> 12 & 0x3F));
        byte(0x80 | (code >> 6 & 0x3F));
        byte(0x80 | (code & 0x3F));
    }
}

}  // namespace

std::expected<UsbDescriptors, std::string> ReadDescriptors(libusb_device_handle *handle) {
    const std::expected<Bytes, int> device =
        GetDescriptor(handle, LIBUSB_DT_DEVICE, 0, 0, kDeviceBytes);
    if (!device) {
        return CannotRead("device descriptor", device.error());
    }
    const std::expected<UsbDeviceFields, UsbDescriptorError> fields =
        ReadUsbDeviceDescriptor(*device);
    if (!fields) {
        return std::unexpected(fields.error());
    }
    std::vector<Bytes> configurations;
    for (uint8_t index = 0; index < fields->num_configurations; ++index) {
        std::expected<Bytes, int> configuration =
            GetWithTotal(handle, LIBUSB_DT_CONFIG, index, kHeaderBytes);
        if (!configuration) {
            return CannotRead(fmt::format("configuration {}", index), configuration.error());
        }
        configurations.push_back(std::move(*configuration));
    }
    Bytes capabilities;
    if (fields->usb_version >= kFirstVersionWithBos) {
        // A device that says it has one and stalls is not worth refusing.
        capabilities = GetWithTotal(handle, LIBUSB_DT_BOS, 0, kBosHeaderBytes).value_or(Bytes());
    }
    return ReadUsbDescriptors(*device, configurations, capabilities);
}

std::string ReadString(libusb_device_handle *handle, uint8_t index) {
    constexpr size_t kMaxBytes = 255;
    if (index == 0) {
        return {};
    }
    std::array<unsigned char, kMaxBytes> bytes{};
    int done = libusb_get_string_descriptor(handle, index, kUsEnglish, bytes.data(), bytes.size());
    if (done < 0) {
        constexpr size_t kFirstLanguage = 2;
        std::array<unsigned char, kMaxBytes> languages{};
        if (libusb_get_string_descriptor(handle, 0, 0, languages.data(), languages.size()) <
            static_cast<int>(kFirstLanguage + 2)) {
            return {};
        }
        const auto language =
            static_cast<uint16_t>(languages[kFirstLanguage] | languages[kFirstLanguage + 1] << 8);
        done = libusb_get_string_descriptor(handle, index, language, bytes.data(), bytes.size());
    }
    return DecodeStringDescriptor(std::span(bytes).first(static_cast<size_t>(std::max(done, 0))));
}

std::map<uint8_t, std::string> ReadInterfaceNames(libusb_device_handle *handle,
                                                  const UsbDescriptors &descriptors) {
    std::map<uint8_t, std::string> names;
    for (const uint8_t index : descriptors.InterfaceNameIndexes()) {
        std::string name = ReadString(handle, index);
        if (name.empty()) {
            break;
        }
        names.emplace(index, std::move(name));
    }
    return names;
}

std::string DecodeStringDescriptor(std::span<const uint8_t> bytes) {
    constexpr size_t kHeader = 2;
    constexpr char32_t kReplacement = 0xFFFD;
    if (bytes.size() < kHeader || bytes[1] != LIBUSB_DT_STRING) {
        return {};
    }
    const size_t length = std::min<size_t>(bytes[0], bytes.size());
    const auto unit = [&](size_t i) { return static_cast<char32_t>(bytes[i] | bytes[i + 1] << 8); };
    std::string text;
    for (size_t i = kHeader; i + 1 < length; i += 2) {
        char32_t code = unit(i);
        const bool is_high = code >= 0xD800 && code < 0xDC00;
        const bool has_low = i + 3 < length && unit(i + 2) >= 0xDC00 && unit(i + 2) < 0xE000;
        if (is_high && has_low) {
            code = 0x10000 + ((code - 0xD800) << 10) + (unit(i + 2) - 0xDC00);
            i += 2;
        } else if (code >= 0xD800 && code < 0xE000) {
            code = kReplacement;
        }
        AppendUtf8(text, code);
    }
    return text;
}

}  // namespace opendext::backends
