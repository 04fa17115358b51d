// SPDX-License-Identifier: Apache-2.0
#include "backends/recorded/replay_choice.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include <fmt/format.h>

#include "backends/recorded/captured_description.h"

namespace opendext::backends {

namespace {

constexpr uint8_t kHubClass = 9;

using Choice = std::expected<std::vector<ReplayedDevice>, std::string>;

bool IsNumber(std::string_view text) {
    return !text.empty() && text.size() <= 5 &&
           std::ranges::all_of(text, [](unsigned char each) { return std::isdigit(each) != 0; });
}

Choice ChooseStays(std::vector<CapturedDevice> devices) {
    std::vector<ReplayedDevice> stays;
    for (CapturedDevice &device : devices) {
        if (device.note.empty()) {
            continue;
        }
        auto description = DescribeCapturedDevice(device);
        if (!description) {
            return std::unexpected(std::move(description.error()));
        }
        stays.push_back({std::move(device), std::move(*description)});
    }
    return stays;
}

std::string ListOf(const std::vector<ReplayedDevice> &devices) {
    std::string list;
    for (const auto &[device, description] : devices) {
        const UsbDeviceFields &fields = description.descriptors.device;
        list += fmt::format("{}@{} ({:04x}:{:04x})", list.empty() ? "" : ", ", device.id.ToString(),
                            fields.vendor, fields.product);
    }
    return list;
}

}  // namespace

ReplaySpecification ParseReplaySpecification(std::string_view text) {
    constexpr std::string_view kPrefix = "replay:";
    if (text.starts_with(kPrefix)) {
        text.remove_prefix(kPrefix.size());
    }
    const size_t at = text.rfind('@');
    if (at != std::string_view::npos) {
        const std::string_view device = text.substr(at + 1);
        const size_t dot = device.find('.');
        if (dot != std::string_view::npos && IsNumber(device.substr(0, dot)) &&
            IsNumber(device.substr(dot + 1))) {
            return {.path = std::string(text.substr(0, at)), .device = std::string(device)};
        }
    }
    return {.path = std::string(text)};
}

Choice ChooseReplayedDevices(std::vector<CapturedDevice> devices, std::string_view wanted) {
    const bool has_notes = std::ranges::any_of(
        devices, [](const CapturedDevice &device) { return !device.note.empty(); });
    if (wanted.empty() && has_notes) {
        return ChooseStays(std::move(devices));
    }
    std::vector<ReplayedDevice> described;
    std::string why = "it has no packet of a USB device";
    for (CapturedDevice &device : devices) {
        const bool is_wanted = device.id.ToString() == wanted;
        if (!wanted.empty() && !is_wanted) {
            continue;
        }
        auto description = DescribeCapturedDevice(device);
        if (!description) {
            why = std::move(description.error());
        } else if (is_wanted || description->descriptors.device.device_class != kHubClass) {
            described.push_back({std::move(device), std::move(*description)});
        }
    }
    if (described.empty()) {
        return std::unexpected(std::move(why));
    }
    if (described.size() > 1 && wanted.empty()) {
        return std::unexpected(
            fmt::format("it has several devices; add one of these: {}", ListOf(described)));
    }
    described.resize(1);
    return described;
}

}  // namespace opendext::backends
