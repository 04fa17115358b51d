// SPDX-License-Identifier: Apache-2.0
#include "backends/remote/descriptor_copy.h"

#include <cerrno>
#include <cstring>
#include <optional>
#include <span>
#include <utility>

#include "backends/remote/session_wire.h"
#include "base/checked.h"

namespace opendext::backends::remote {

namespace {

using Bytes = std::vector<std::byte>;

constexpr uint32_t kMostConfigurations = 255;

void Append(Bytes &all, std::span<const std::byte> bytes) {
    const auto length = static_cast<uint32_t>(bytes.size());
    const auto length_bytes = std::as_bytes(std::span(&length, 1));
    all.insert(all.end(), length_bytes.begin(), length_bytes.end());
    all.insert(all.end(), bytes.begin(), bytes.end());
}

/// Takes the next byte string off the front of `left`.
std::optional<Bytes> TakeNext(std::span<const std::byte> &left) {
    uint32_t length = 0;
    if (left.size() < sizeof(length)) {
        return std::nullopt;
    }
    std::memcpy(&length, left.data(), sizeof(length));
    left = left.subspan(sizeof(length));
    if (length > left.size()) {
        return std::nullopt;
    }
    const auto bytes = left.first(length);
    left = left.subspan(length);
    return Bytes(bytes.begin(), bytes.end());
}

std::expected<UsbDescriptors, UsbDescriptorError> Read(std::span<const std::byte> left,
                                                       uint32_t num_configurations) {
    const std::unexpected<UsbDescriptorError> truncated("the copy of the descriptors is cut off");
    const auto device = TakeNext(left);
    if (!device) {
        return truncated;
    }
    std::vector<Bytes> configurations;
    while (configurations.size() < num_configurations) {
        auto configuration = TakeNext(left);
        if (!configuration) {
            return truncated;
        }
        configurations.push_back(std::move(*configuration));
    }
    const auto capabilities = TakeNext(left);
    if (!capabilities || !left.empty()) {
        return truncated;
    }
    return ReadUsbDescriptors(*device, configurations, *capabilities);
}

}  // namespace

std::expected<PackedDescriptors, int> PackDescriptors(const UsbDescriptors &descriptors) {
    Bytes all;
    Append(all, descriptors.device_bytes);
    for (const UsbConfiguration &configuration : descriptors.configurations) {
        Append(all, configuration.bytes);
    }
    Append(all, descriptors.capabilities);
    auto region = SharedRegion::Create(all.size(), "opendext-usb-descriptors");
    if (!region) {
        return std::unexpected(region.error());
    }
    std::byte *const shared = (*region)->Writable();
    if (shared == nullptr) {
        return std::unexpected(ENOMEM);
    }
    std::memcpy(shared, all.data(), all.size());
    return PackedDescriptors{
        .region = std::move(*region),
        .num_bytes = all.size(),
        .num_configurations = static_cast<uint32_t>(descriptors.configurations.size())};
}

std::expected<UsbDescriptors, UsbDescriptorError> UnpackDescriptors(UniqueFd fd, uint64_t num_bytes,
                                                                    uint32_t num_configurations) {
    if (num_bytes > kMostDescriptorBytes || num_configurations > kMostConfigurations) {
        return std::unexpected("the copy of the descriptors is longer than any device has them");
    }
    const auto region = SharedRegion::Adopt(std::move(fd), num_bytes);
    const std::byte *const shared = region ? (*region)->ReadOnly() : nullptr;
    if (shared == nullptr) {
        return std::unexpected("the copy of the descriptors is not in memory that can be mapped");
    }
    const Bytes copy(shared, shared + num_bytes);
    return Read(copy, num_configurations);
}

}  // namespace opendext::backends::remote
