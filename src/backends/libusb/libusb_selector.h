// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace opendext::backends {

/// Which device of this machine is meant: "libusb:VVVV:PPPP" in hexadecimal, then, where several are alike, any of
/// ",bus=N", ",port=1.2" (the ports from the bus's root to the device) and ",serial=TEXT".
struct LibusbSelector {
    uint16_t vendor = 0;
    uint16_t product = 0;
    std::optional<uint8_t> bus;
    std::vector<uint8_t> ports;  ///< Empty: any.
    std::string serial;          ///< Empty: any.

    bool operator==(const LibusbSelector &) const = default;
};

/// What can be told of a device without opening it.
struct LibusbPlace {
    uint16_t vendor = 0;
    uint16_t product = 0;
    uint8_t bus = 0;
    std::vector<uint8_t> ports;
};

/// Reads a device specification. @return one line that says what is wrong with it.
[[nodiscard]] std::expected<LibusbSelector, std::string> ParseLibusbSelector(
    std::string_view specification);

/// The specification again, in its shortest form: for log lines.
[[nodiscard]] std::string Describe(const LibusbSelector &selector);

/// All but the serial number, which only an opened device tells.
[[nodiscard]] bool Matches(const LibusbSelector &selector, const LibusbPlace &place);

/// A locationID: the bus in the top byte, port numbers in nibbles below it, from the top; deeper ones are left out.
[[nodiscard]] uint32_t LocationOf(const LibusbPlace &place);

}  // namespace opendext::backends
