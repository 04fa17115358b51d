// SPDX-License-Identifier: Apache-2.0
#include "backends/libusb/libusb_selector.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace opendext::backends {
namespace {

constexpr std::string_view kPrefix = "libusb:";
/// A hub may be behind a hub, five deep, and the device behind the last.
constexpr size_t kMaxPorts = 7;

template <typename T>
std::optional<T> ParseNumber(std::string_view text, int base) {
    T value = 0;
    const char *const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, value, base);
    if (text.empty() || error != std::errc() || rest != end) {
        return std::nullopt;
    }
    return value;
}

/// Cuts the text before the next `separator` off the front of `text`.
std::string_view TakeUntil(char separator, std::string_view &text) {
    const size_t length = std::min(text.find(separator), text.size());
    const std::string_view taken = text.substr(0, length);
    text.remove_prefix(std::min(length + 1, text.size()));
    return taken;
}

std::optional<std::vector<uint8_t>> ParsePorts(std::string_view text) {
    std::vector<uint8_t> ports;
    while (!text.empty()) {
        const std::optional<uint8_t> port = ParseNumber<uint8_t>(TakeUntil('.', text), 10);
        if (!port || *port == 0 || ports.size() == kMaxPorts) {
            return std::nullopt;
        }
        ports.push_back(*port);
    }
    return ports;
}

bool ParseOption(std::string_view option, LibusbSelector &selector) {
    const std::string_view name = TakeUntil('=', option);
    if (option.empty()) {
        return false;
    }
    if (name == "bus") {
        selector.bus = ParseNumber<uint8_t>(option, 10);
        return selector.bus.has_value();
    }
    if (name == "port") {
        std::optional<std::vector<uint8_t>> ports = ParsePorts(option);
        selector.ports = std::move(ports).value_or(std::vector<uint8_t>());
        return !selector.ports.empty();
    }
    if (name == "serial") {
        selector.serial = option;
        return true;
    }
    return false;
}

}  // namespace

std::expected<LibusbSelector, std::string> ParseLibusbSelector(std::string_view specification) {
    std::string_view rest = specification;
    LibusbSelector selector;
    if (!rest.starts_with(kPrefix)) {
        return std::unexpected(fmt::format("\"{}\" does not begin with libusb:", specification));
    }
    rest.remove_prefix(kPrefix.size());
    std::string_view numbers = TakeUntil(',', rest);
    const std::optional<uint16_t> vendor = ParseNumber<uint16_t>(TakeUntil(':', numbers), 16);
    const std::optional<uint16_t> product = ParseNumber<uint16_t>(numbers, 16);
    if (!vendor || !product) {
        return std::unexpected(
            fmt::format("\"{}\": expected libusb:VENDOR:PRODUCT, both hexadecimal, such as "
                        "libusb:46f4:0001",
                        specification));
    }
    selector.vendor = *vendor;
    selector.product = *product;
    while (!rest.empty()) {
        const std::string_view option = TakeUntil(',', rest);
        if (!ParseOption(option, selector)) {
            return std::unexpected(
                fmt::format("\"{}\": \"{}\" is none of bus=NUMBER, port=1.2, serial=TEXT",
                            specification, option));
        }
    }
    return selector;
}

std::string Describe(const LibusbSelector &selector) {
    std::string text = fmt::format("{}{:04x}:{:04x}", kPrefix, selector.vendor, selector.product);
    if (selector.bus) {
        text += fmt::format(",bus={}", *selector.bus);
    }
    if (!selector.ports.empty()) {
        text += fmt::format(",port={}", fmt::join(selector.ports, "."));
    }
    if (!selector.serial.empty()) {
        text += ",serial=" + selector.serial;
    }
    return text;
}

bool Matches(const LibusbSelector &selector, const LibusbPlace &place) {
    return selector.vendor == place.vendor && selector.product == place.product &&
           (!selector.bus || *selector.bus == place.bus) &&
           (selector.ports.empty() || selector.ports == place.ports);
}

uint32_t LocationOf(const LibusbPlace &place) {
    uint32_t location = static_cast<uint32_t>(place.bus) << 24;
    int shift = 20;
    for (const uint8_t port : place.ports) {
        if (shift < 0) {
            break;
        }
        location |= static_cast<uint32_t>(std::min<uint8_t>(port, 0xF)) << shift;
        shift -= 4;
    }
    return location;
}

}  // namespace opendext::backends
