// SPDX-License-Identifier: Apache-2.0
// Every message of USB/IP from any bytes: what is accepted must come out of the encoder as it went in, but for what the
// protocol leaves open.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <variant>
#include <vector>

#include "backends/usbip/usbip_protocol.h"

namespace {

using namespace opendext::backends;

void Require(bool truth) {
    if (!truth) {
        std::abort();
    }
}

template <typename Message, typename Decode>
void MustSurvive(const Message &message, Decode decode) {
    std::vector<std::byte> bytes;
    EncodeUsbip(message, bytes);
    const auto again = decode(bytes);
    Require(again.has_value());
    if constexpr (requires { std::get<Message>(*again); }) {
        Require(std::get<Message>(*again) == message);
    } else {
        Require(*again == message);
    }
}

template <size_t kSize>
std::span<const std::byte, kSize> Fixed(std::span<const std::byte> bytes) {
    return bytes.first<kSize>();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t num_bytes) {
    std::vector<std::byte> bytes(kUsbipDeviceBytes);
    std::ranges::copy(std::as_bytes(std::span(data, std::min(num_bytes, bytes.size()))),
                      bytes.begin());
    const auto command = [](std::span<const std::byte> from) {
        return DecodeUsbipCommand(Fixed<kUsbipHeaderBytes>(from));
    };
    const auto reply = [](std::span<const std::byte> from) {
        return DecodeUsbipReply(Fixed<kUsbipHeaderBytes>(from));
    };
    if (const auto decoded = command(bytes)) {
        std::visit([&](const auto &each) { MustSurvive(each, command); }, *decoded);
    }
    if (const auto decoded = reply(bytes)) {
        std::visit([&](const auto &each) { MustSurvive(each, reply); }, *decoded);
    }
    if (const auto decoded = DecodeUsbipDevice(Fixed<kUsbipDeviceBytes>(bytes))) {
        MustSurvive(*decoded, [](std::span<const std::byte> from) {
            return DecodeUsbipDevice(Fixed<kUsbipDeviceBytes>(from));
        });
    }
    (void)DecodeUsbipOperation(Fixed<kUsbipOperationBytes>(bytes));
    (void)DecodeUsbipBusId(Fixed<kUsbipBusIdBytes>(bytes));
    (void)DecodeUsbipFrames(bytes);
    return 0;
}
