// SPDX-License-Identifier: Apache-2.0
// Reads descriptors that a device could send. What is accepted must be what a plain walk over the bytes finds.
//
// Input: 18 bytes of device descriptor, then byte strings, each after its length in 16 bits, low byte first: one
// for each configuration and one for the capabilities.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <set>
#include <vector>

#include "backends/api/usb_descriptors.h"

namespace {

using namespace opendext::backends;

void Require(bool truth) {
    if (!truth) {
        std::abort();
    }
}

std::vector<std::byte> Take(std::span<const std::byte> &input, size_t num_bytes) {
    const auto taken = input.first(std::min(num_bytes, input.size()));
    input = input.subspan(taken.size());
    return {taken.begin(), taken.end()};
}

std::vector<std::byte> TakeString(std::span<const std::byte> &input) {
    const std::vector<std::byte> length = Take(input, 2);
    if (length.size() < 2) {
        return {};
    }
    return Take(input, static_cast<size_t>(length[0]) | static_cast<size_t>(length[1]) << 8);
}

void CheckConfiguration(const UsbConfiguration &configuration) {
    const std::vector<std::byte> &bytes = configuration.bytes;
    size_t num_interfaces = 0;
    size_t num_endpoints = 0;
    for (size_t offset = 0; offset < bytes.size(); offset += static_cast<size_t>(bytes[offset])) {
        Require(bytes[offset] >= std::byte{2} &&
                static_cast<size_t>(bytes[offset]) <= bytes.size() - offset);
        num_interfaces += bytes[offset + 1] == std::byte{4} ? 1 : 0;
        num_endpoints += bytes[offset + 1] == std::byte{5} ? 1 : 0;
    }
    Require(configuration.value != 0 && configuration.settings.size() == num_interfaces);
    for (const UsbInterfaceSetting &setting : configuration.settings) {
        Require(configuration.Find(setting.number, setting.alternate) == &setting);
        Require(setting.endpoints.size() >= static_cast<size_t>(bytes[setting.offset + 4]));
        std::set<UsbEndpointAddress> addresses;
        for (const UsbEndpoint &endpoint : setting.endpoints) {
            Require(endpoint.address.number() != 0 && addresses.insert(endpoint.address).second);
            Require(endpoint.packets_per_frame >= 1 && endpoint.packets_per_frame <= 16);
            Require(endpoint.offset > setting.offset && endpoint.offset + 7 <= bytes.size());
            --num_endpoints;
        }
    }
    Require(num_endpoints == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t num_bytes) {
    std::span<const std::byte> input(reinterpret_cast<const std::byte *>(data), num_bytes);
    const std::vector<std::byte> device = Take(input, 18);
    const size_t num_configurations =
        device.size() == 18 ? std::min<size_t>(static_cast<size_t>(device[17]), 8) : 0;
    std::vector<std::vector<std::byte>> configurations(num_configurations);
    for (std::vector<std::byte> &each : configurations) {
        each = TakeString(input);
    }
    const std::vector<std::byte> capabilities = TakeString(input);
    const auto read = ReadUsbDescriptors(device, configurations, capabilities);
    if (!read) {
        Require(!read.error().empty() && read.error().find(", byte ") != std::string::npos);
        return 0;
    }
    Require(read->device_bytes == device && read->capabilities.size() <= capabilities.size());
    Require(read->configurations.size() == read->device.num_configurations);
    for (const UsbConfiguration &configuration : read->configurations) {
        Require(read->FindConfiguration(configuration.value) == &configuration);
        CheckConfiguration(configuration);
    }
    return 0;
}
