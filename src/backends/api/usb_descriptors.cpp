// SPDX-License-Identifier: Apache-2.0
#include "backends/api/usb_descriptors.h"

#include <fmt/core.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

namespace opendext::backends {
namespace {

// Values of bDescriptorType.
constexpr uint8_t kTypeDevice = 1;
constexpr uint8_t kTypeConfiguration = 2;
constexpr uint8_t kTypeInterface = 4;
constexpr uint8_t kTypeEndpoint = 5;
constexpr uint8_t kTypeBos = 15;
constexpr uint8_t kTypeDeviceCapability = 16;
constexpr uint8_t kTypeSuperSpeedCompanion = 48;

// The least that a descriptor of each type has.
constexpr size_t kHeaderBytes = 2;
constexpr size_t kDeviceBytes = 18;
constexpr size_t kConfigurationBytes = 9;
constexpr size_t kInterfaceBytes = 9;
constexpr size_t kEndpointBytes = 7;
constexpr size_t kBosBytes = 5;
constexpr size_t kCapabilityBytes = 3;
constexpr size_t kCompanionBytes = 6;

constexpr uint8_t kEndpointAddressBits = 0x8F;  // the others are reserved
constexpr uint8_t kMaxBurst = 15;
constexpr uint8_t kMaxStreamsLog2 = 16;
constexpr uint8_t kMaxHighSpeedPackets = 3;

/// A run of descriptors that has a name for errors: "configuration 0".
class DescriptorBytes {
public:
    DescriptorBytes(std::span<const std::byte> bytes, std::string name)
        : bytes_(bytes), name_(std::move(name)) {}

    [[nodiscard]] size_t size() const { return bytes_.size(); }
    [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }
    [[nodiscard]] uint8_t U8(size_t offset) const { return static_cast<uint8_t>(bytes_[offset]); }
    [[nodiscard]] uint16_t U16(size_t offset) const {
        return static_cast<uint16_t>(U8(offset) | U8(offset + 1) << 8);
    }

    void Shorten(size_t num_bytes) { bytes_ = bytes_.first(num_bytes); }

    [[nodiscard]] std::unexpected<UsbDescriptorError> Refuse(size_t offset,
                                                             std::string_view why) const {
        return std::unexpected(fmt::format("{}, byte {}: {}", name_, offset, why));
    }

    /// bLength of the descriptor at `offset`, which lies in the bytes and holds `least` bytes (`what`).
    [[nodiscard]] std::expected<size_t, UsbDescriptorError> LengthAt(size_t offset, size_t least,
                                                                     std::string_view what) const {
        const size_t left = size() - offset;
        if (left < kHeaderBytes) {
            return Refuse(offset, fmt::format("{} byte is left, too few for a descriptor", left));
        }
        const size_t length = U8(offset);
        if (length < least) {
            return Refuse(offset,
                          fmt::format("{} has {} bytes, this one says {}", what, least, length));
        }
        if (length > left) {
            return Refuse(offset, fmt::format("a descriptor of {} bytes does not fit, {} are left",
                                              length, left));
        }
        return length;
    }

    /// Reads the first descriptor, which tells in wTotalLength how long all of them are, and drops what follows.
    [[nodiscard]] std::expected<size_t, UsbDescriptorError> ReadTotal(uint8_t type, size_t least,
                                                                      std::string_view what) {
        if (size() < least) {
            return Refuse(size(),
                          fmt::format("{} has {} bytes, these are {}", what, least, size()));
        }
        if (U8(1) != type) {
            return Refuse(1, fmt::format("{} has type {}, this one says {}", what, type, U8(1)));
        }
        const auto length = LengthAt(0, least, what);
        if (!length) {
            return length;
        }
        const size_t total = U16(2);
        if (total < *length || total > size()) {
            return Refuse(2, fmt::format("wTotalLength is {}, with {} bytes there", total, size()));
        }
        Shorten(total);
        return length;
    }

private:
    std::span<const std::byte> bytes_;
    const std::string name_;
};

/// Walks one configuration.
class ConfigurationReader {
public:
    explicit ConfigurationReader(DescriptorBytes &from) : from_(from) {}

    [[nodiscard]] std::expected<UsbConfiguration, UsbDescriptorError> Read() {
        const auto header =
            from_.ReadTotal(kTypeConfiguration, kConfigurationBytes, "a configuration descriptor");
        if (!header) {
            return std::unexpected(header.error());
        }
        result_.value = from_.U8(5);
        result_.attributes = from_.U8(7);
        result_.max_power = from_.U8(8);
        if (result_.value == 0) {
            return from_.Refuse(5, "bConfigurationValue is 0, which means not configured");
        }
        for (size_t offset = *header; offset < from_.size();) {
            const auto length = ReadOne(offset);
            if (!length) {
                return std::unexpected(length.error());
            }
            offset += *length;
        }
        if (auto complete = CheckEndpoints(); !complete) {
            return std::unexpected(complete.error());
        }
        result_.bytes.assign(from_.bytes().begin(), from_.bytes().end());
        return std::move(result_);
    }

private:
    using Length = std::expected<size_t, UsbDescriptorError>;

    [[nodiscard]] Length ReadOne(size_t offset) {
        const Length length = from_.LengthAt(offset, kHeaderBytes, "a descriptor");
        if (!length) {
            return length;
        }
        switch (from_.U8(offset + 1)) {
            case kTypeInterface:
                return ReadInterface(offset);
            case kTypeEndpoint:
                return ReadEndpoint(offset);
            case kTypeSuperSpeedCompanion:
                return ReadCompanion(offset);
            default:
                follows_endpoint_ = false;
                return length;
        }
    }

    [[nodiscard]] Length ReadInterface(size_t offset) {
        const Length length = from_.LengthAt(offset, kInterfaceBytes, "an interface descriptor");
        if (!length) {
            return length;
        }
        if (auto complete = CheckEndpoints(); !complete) {
            return std::unexpected(complete.error());
        }
        const UsbInterfaceSetting setting{.number = from_.U8(offset + 2),
                                          .alternate = from_.U8(offset + 3),
                                          .interface_class = from_.U8(offset + 5),
                                          .interface_subclass = from_.U8(offset + 6),
                                          .interface_protocol = from_.U8(offset + 7),
                                          .name_string = from_.U8(offset + 8),
                                          .endpoints = {},
                                          .offset = offset};
        if (!seen_.emplace(setting.number, setting.alternate).second) {
            return from_.Refuse(offset,
                                fmt::format("setting {} of interface {} is there a second time",
                                            setting.alternate, setting.number));
        }
        result_.settings.push_back(setting);
        num_announced_ = from_.U8(offset + 4);
        follows_endpoint_ = false;
        return length;
    }

    /// That the latest interface has the endpoints it announces.
    [[nodiscard]] std::expected<void, UsbDescriptorError> CheckEndpoints() const {
        if (result_.settings.empty() ||
            result_.settings.back().endpoints.size() >= num_announced_) {
            return {};
        }
        const UsbInterfaceSetting &setting = result_.settings.back();
        return from_.Refuse(setting.offset + 4,
                            fmt::format("setting {} of interface {} announces {} endpoints, and {} "
                                        "follow",
                                        setting.alternate, setting.number, num_announced_,
                                        setting.endpoints.size()));
    }

    [[nodiscard]] Length ReadEndpoint(size_t offset) {
        const Length length = from_.LengthAt(offset, kEndpointBytes, "an endpoint descriptor");
        if (!length) {
            return length;
        }
        if (result_.settings.empty()) {
            return from_.Refuse(offset, "an endpoint comes before any interface");
        }
        UsbInterfaceSetting &setting = result_.settings.back();
        const UsbEndpointAddress address{
            static_cast<uint8_t>(from_.U8(offset + 2) & kEndpointAddressBits)};
        if (address.number() == 0) {
            return from_.Refuse(offset + 2,
                                "endpoint 0 belongs to the device, not to an interface");
        }
        if (setting.Find(address) != nullptr) {
            return from_.Refuse(offset + 2,
                                fmt::format("endpoint {:#04x} is there a second time in setting {} "
                                            "of interface {}",
                                            address.value, setting.alternate, setting.number));
        }
        setting.endpoints.push_back(MakeEndpoint(offset, address));
        follows_endpoint_ = true;
        return length;
    }

    [[nodiscard]] UsbEndpoint MakeEndpoint(size_t offset, UsbEndpointAddress address) const {
        const uint16_t packet = from_.U16(offset + 4);
        UsbEndpoint endpoint{.address = address,
                             .type = static_cast<UsbTransferType>(from_.U8(offset + 3) & 0x3),
                             .max_packet_bytes = static_cast<uint16_t>(packet & 0x7FF),
                             .interval = from_.U8(offset + 6),
                             .offset = offset};
        if (endpoint.type == UsbTransferType::kIsochronous ||
            endpoint.type == UsbTransferType::kInterrupt) {
            endpoint.packets_per_frame =
                static_cast<uint8_t>(std::min((packet >> 11 & 0x3) + 1, int{kMaxHighSpeedPackets}));
        }
        return endpoint;
    }

    [[nodiscard]] Length ReadCompanion(size_t offset) {
        const Length length =
            from_.LengthAt(offset, kCompanionBytes, "a SuperSpeed companion descriptor");
        if (!length || !std::exchange(follows_endpoint_, false)) {
            return length;
        }
        UsbEndpoint &endpoint = result_.settings.back().endpoints.back();
        endpoint.packets_per_frame =
            static_cast<uint8_t>(std::min(from_.U8(offset + 2), kMaxBurst) + 1);
        if (endpoint.type == UsbTransferType::kBulk) {
            endpoint.max_streams_log2 =
                std::min(static_cast<uint8_t>(from_.U8(offset + 3) & 0x1F), kMaxStreamsLog2);
        }
        return length;
    }

    DescriptorBytes &from_;
    UsbConfiguration result_;
    std::set<std::pair<uint8_t, uint8_t>> seen_;
    size_t num_announced_ = 0;       // endpoints of the latest interface
    bool follows_endpoint_ = false;  // the descriptor before is an endpoint
};

/// The bytes of the BOS descriptor, as many as it says.
std::expected<std::vector<std::byte>, UsbDescriptorError> ReadCapabilities(
    std::span<const std::byte> bytes) {
    if (bytes.empty()) {
        return {};
    }
    DescriptorBytes from(bytes, "capabilities");
    const auto header = from.ReadTotal(kTypeBos, kBosBytes, "a BOS descriptor");
    if (!header) {
        return std::unexpected(header.error());
    }
    for (size_t offset = *header; offset < from.size();) {
        const auto length = from.LengthAt(offset, kCapabilityBytes, "a capability descriptor");
        if (!length) {
            return std::unexpected(length.error());
        }
        if (from.U8(offset + 1) != kTypeDeviceCapability) {
            return from.Refuse(offset + 1, fmt::format("a capability has type {}, this one says {}",
                                                       kTypeDeviceCapability, from.U8(offset + 1)));
        }
        offset += *length;
    }
    return std::vector<std::byte>(from.bytes().begin(), from.bytes().end());
}

}  // namespace

const UsbEndpoint *UsbInterfaceSetting::Find(UsbEndpointAddress address) const {
    const auto found = std::ranges::find(endpoints, address, &UsbEndpoint::address);
    return found == endpoints.end() ? nullptr : &*found;
}

const UsbInterfaceSetting *UsbConfiguration::Find(uint8_t interface_number,
                                                  uint8_t alternate) const {
    const auto found = std::ranges::find_if(settings, [&](const UsbInterfaceSetting &each) {
        return each.number == interface_number && each.alternate == alternate;
    });
    return found == settings.end() ? nullptr : &*found;
}

std::vector<uint8_t> UsbConfiguration::InterfaceNumbers() const {
    std::vector<uint8_t> numbers;
    numbers.reserve(settings.size());
    for (const UsbInterfaceSetting &setting : settings) {
        numbers.push_back(setting.number);
    }
    std::ranges::sort(numbers);
    numbers.erase(std::ranges::unique(numbers).begin(), numbers.end());
    return numbers;
}

const UsbConfiguration *UsbDescriptors::FindConfiguration(uint8_t value) const {
    const auto found = std::ranges::find(configurations, value, &UsbConfiguration::value);
    return found == configurations.end() ? nullptr : &*found;
}

std::vector<uint8_t> UsbDescriptors::InterfaceNameIndexes() const {
    std::set<uint8_t> indexes;
    for (const UsbConfiguration &configuration : configurations) {
        for (const UsbInterfaceSetting &setting : configuration.settings) {
            if (setting.name_string != 0) {
                indexes.insert(setting.name_string);
            }
        }
    }
    return {indexes.begin(), indexes.end()};
}

std::expected<UsbDeviceFields, UsbDescriptorError> ReadUsbDeviceDescriptor(
    std::span<const std::byte> bytes) {
    const DescriptorBytes from(bytes, "device");
    if (from.size() != kDeviceBytes) {
        return from.Refuse(0, fmt::format("a device descriptor has {} bytes, these are {}",
                                          kDeviceBytes, from.size()));
    }
    if (from.U8(0) != kDeviceBytes) {
        return from.Refuse(0, fmt::format("a device descriptor has {} bytes, this one says {}",
                                          kDeviceBytes, from.U8(0)));
    }
    if (from.U8(1) != kTypeDevice) {
        return from.Refuse(1, fmt::format("a device descriptor has type {}, this one says {}",
                                          kTypeDevice, from.U8(1)));
    }
    if (from.U8(17) == 0) {
        return from.Refuse(17, "the device has no configuration");
    }
    return UsbDeviceFields{.usb_version = from.U16(2),
                           .device_class = from.U8(4),
                           .device_subclass = from.U8(5),
                           .device_protocol = from.U8(6),
                           .max_packet_bytes0 = from.U8(7),
                           .vendor = from.U16(8),
                           .product = from.U16(10),
                           .device_version = from.U16(12),
                           .manufacturer_string = from.U8(14),
                           .product_string = from.U8(15),
                           .serial_string = from.U8(16),
                           .num_configurations = from.U8(17)};
}

std::expected<UsbConfiguration, UsbDescriptorError> ReadUsbConfiguration(
    std::span<const std::byte> bytes, size_t index) {
    DescriptorBytes from(bytes, fmt::format("configuration {}", index));
    return ConfigurationReader(from).Read();
}

std::expected<UsbDescriptors, UsbDescriptorError> ReadUsbDescriptors(
    std::span<const std::byte> device, std::span<const std::vector<std::byte>> configurations,
    std::span<const std::byte> capabilities) {
    UsbDescriptors result;
    const auto fields = ReadUsbDeviceDescriptor(device);
    if (!fields) {
        return std::unexpected(fields.error());
    }
    result.device = *fields;
    result.device_bytes.assign(device.begin(), device.end());
    if (configurations.size() != fields->num_configurations) {
        return std::unexpected(
            fmt::format("device, byte 17: {} configurations are announced, and {} are there",
                        fields->num_configurations, configurations.size()));
    }
    for (size_t index = 0; index < configurations.size(); ++index) {
        auto configuration = ReadUsbConfiguration(configurations[index], index);
        if (!configuration) {
            return std::unexpected(configuration.error());
        }
        if (result.FindConfiguration(configuration->value) != nullptr) {
            return std::unexpected(
                fmt::format("configuration {}, byte 5: bConfigurationValue {} is there already",
                            index, configuration->value));
        }
        result.configurations.push_back(std::move(*configuration));
    }
    auto capability_bytes = ReadCapabilities(capabilities);
    if (!capability_bytes) {
        return std::unexpected(capability_bytes.error());
    }
    result.capabilities = std::move(*capability_bytes);
    return result;
}

}  // namespace opendext::backends
