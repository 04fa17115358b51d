// SPDX-License-Identifier: Apache-2.0
#include "backends/recorded/captured_description.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "backends/api/usb_string_descriptor.h"
#include "backends/recorded/recording_notes.h"
#include "base/byte_cursor.h"

namespace opendext::backends {

namespace {

constexpr uint8_t kDeviceToHost = 0x80;
constexpr uint8_t kGetDescriptor = 6;
constexpr uint8_t kDeviceType = 1;
constexpr uint8_t kConfigurationType = 2;
constexpr uint8_t kStringType = 3;
constexpr uint8_t kCapabilitiesType = 15;
constexpr uint16_t kSuperSpeedVersion = 0x0300;
constexpr uint8_t kMicrosoftString = 0xEE;  // no text: answered as it was recorded
constexpr uint16_t kUsEnglish = 0x0409;

using Bytes = std::vector<std::byte>;

Bytes Copy(std::span<const std::byte> bytes) {
    return {bytes.begin(), bytes.end()};
}

/// The longest reply of each descriptor that the capture has.
class Replies {
public:
    explicit Replies(const CapturedDevice &device) {
        for (const CapturedTransfer &transfer : device.transfers) {
            const UsbSetup &setup = transfer.setup;
            if (transfer.type != UsbTransferType::kControl || !transfer.has_ended() ||
                transfer.status != 0 || setup.request_type != kDeviceToHost ||
                setup.request != kGetDescriptor) {
                continue;
            }
            auto &known = replies_[{setup.value, setup.index}];
            if (transfer.data.size() > known.size()) {
                known = transfer.data;
            }
        }
    }

    [[nodiscard]] std::span<const std::byte> Find(uint8_t type, uint8_t index,
                                                  uint16_t language = 0) const {
        const auto found = replies_.find({static_cast<uint16_t>(type << 8 | index), language});
        return found == replies_.end() ? std::span<const std::byte>() : found->second;
    }

    /// The string, in US English, or in any language.
    [[nodiscard]] std::optional<std::string> FindString(uint8_t index) const {
        if (const auto english = Find(kStringType, index, kUsEnglish); !english.empty()) {
            return ReadUsbString(english);
        }
        for (const auto &[key, reply] : replies_) {
            if (key.first == (kStringType << 8 | index)) {
                return ReadUsbString(reply);
            }
        }
        return std::nullopt;
    }

    [[nodiscard]] uint8_t LastString() const {
        uint8_t last = 0;
        for (const auto &[key, reply] : replies_) {
            const bool is_text = (key.first & 0xFF) != kMicrosoftString;
            if (key.first >> 8 == kStringType && is_text) {
                last = std::max(last, static_cast<uint8_t>(key.first & 0xFF));
            }
        }
        return last;
    }

private:
    std::map<std::pair<uint16_t, uint16_t>, std::span<const std::byte>> replies_;
};

uint16_t TotalLength(std::span<const std::byte> descriptor) {
    ByteReader reader(descriptor, std::endian::little);
    reader.Skip(2);
    return reader.Take<uint16_t>();
}

bool HasEndpoint(const UsbDescriptors &descriptors, auto matches) {
    for (const UsbConfiguration &configuration : descriptors.configurations) {
        for (const UsbInterfaceSetting &setting : configuration.settings) {
            if (std::ranges::any_of(setting.endpoints, matches)) {
                return true;
            }
        }
    }
    return false;
}

UsbSpeed ConcludeSpeed(const UsbDescriptors &descriptors) {
    if (descriptors.device.usb_version >= kSuperSpeedVersion) {
        return UsbSpeed::kSuper;
    }
    const bool is_high = HasEndpoint(descriptors, [](const UsbEndpoint &endpoint) {
        switch (endpoint.type) {
            case UsbTransferType::kBulk:
                return endpoint.max_packet_bytes == 512;
            case UsbTransferType::kInterrupt:
                return endpoint.max_packet_bytes > 64 || endpoint.packets_per_frame > 1;
            case UsbTransferType::kIsochronous:
                return endpoint.max_packet_bytes > 1023 || endpoint.packets_per_frame > 1;
            case UsbTransferType::kControl:
                return false;
        }
        return false;
    });
    if (is_high) {
        return UsbSpeed::kHigh;
    }
    const bool is_faster_than_low = HasEndpoint(descriptors, [](const UsbEndpoint &endpoint) {
        return endpoint.type != UsbTransferType::kInterrupt || endpoint.max_packet_bytes > 8;
    });
    return descriptors.device.max_packet_bytes0 == 8 && !is_faster_than_low ? UsbSpeed::kLow
                                                                            : UsbSpeed::kFull;
}

}  // namespace

std::expected<UsbDescription, std::string> DescribeCapturedDevice(const CapturedDevice &device) {
    const Replies replies(device);
    const auto missing = [&](std::string_view what) {
        return std::unexpected(fmt::format(
            "device {}: the capture has no {}; begin it before the device is plugged in",
            device.id.ToString(), what));
    };
    const auto device_bytes = replies.Find(kDeviceType, 0);
    if (device_bytes.size() < 18) {
        return missing("reply to GET_DESCRIPTOR(device)");
    }
    const auto fields = ReadUsbDeviceDescriptor(device_bytes);
    if (!fields) {
        return std::unexpected(fmt::format("device {}: {}", device.id.ToString(), fields.error()));
    }
    std::vector<Bytes> configurations;
    for (uint8_t i = 0; i < fields->num_configurations; ++i) {
        const auto configuration = replies.Find(kConfigurationType, i);
        if (configuration.size() < 9 || configuration.size() < TotalLength(configuration)) {
            return missing(fmt::format("whole reply to GET_DESCRIPTOR(configuration {})", i));
        }
        configurations.push_back(Copy(configuration));
    }
    const auto capabilities = replies.Find(kCapabilitiesType, 0);
    const bool has_capabilities =
        capabilities.size() >= 5 && capabilities.size() >= TotalLength(capabilities);
    auto descriptors =
        ReadUsbDescriptors(Copy(device_bytes), configurations,
                           has_capabilities ? capabilities : std::span<const std::byte>());
    if (!descriptors) {
        return std::unexpected(
            fmt::format("device {}: {}", device.id.ToString(), descriptors.error()));
    }
    UsbDescription description;
    description.speed = SpeedOfRecordingNote(device.note).value_or(ConcludeSpeed(*descriptors));
    description.descriptors = std::move(*descriptors);
    for (unsigned i = 1; i <= replies.LastString(); ++i) {
        description.strings.push_back(replies.FindString(static_cast<uint8_t>(i)).value_or(""));
    }
    return description;
}

}  // namespace opendext::backends
