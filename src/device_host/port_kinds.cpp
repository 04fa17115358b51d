// SPDX-License-Identifier: Apache-2.0
#include "device_host/port_kinds.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "backends/emulated/model_usb_wire.h"
#include "backends/libusb/libusb_port.h"
#include "backends/recorded/recording_usb_wire.h"
#include "backends/recorded/replay_model.h"
#include "backends/usb/wired_usb_port.h"
#include "backends/usbip/usbip_port.h"
#include "models/catalog.h"

namespace opendext::device_host {

namespace {

using WireResult = std::expected<std::unique_ptr<backends::UsbWire>, std::string>;
using PortResult = std::expected<std::shared_ptr<backends::UsbPort>, std::string>;

WireResult MakeModelWire(std::string_view specification) {
    if (auto bus = models::FindModelBus(specification); !bus) {
        return std::unexpected(std::move(bus.error()));
    }
    auto model = models::CreateUsbModel(specification);
    if (!model) {
        return std::unexpected(std::move(model.error()));
    }
    auto wire = backends::ModelUsbWire::Create(*std::move(model));
    if (!wire) {
        return std::unexpected(fmt::format("{}: the model describes no valid USB device: {}",
                                           specification, wire.error().message));
    }
    return *std::move(wire);
}

WireResult MakeRecordingWire(std::string_view specification);

constexpr std::array kKinds = {
    PortKind{.prefix = "model",
             .example = "model:usb-loopback",
             .summary = "a software device",
             .make = MakeModelWire},
    PortKind{.prefix = "libusb",
             .example = "libusb:0781:5530",
             .summary = "USB hardware of this machine, by vendor and product; ,serial=S chooses",
             .make = backends::CreateLibusbWire},
    PortKind{.prefix = "usbip",
             .example = "usbip:localhost/1-1",
             .summary = "a device that a USB/IP server exports",
             .make = backends::CreateUsbipWire},
    PortKind{.prefix = "replay",
             .example = "replay:FILE.pcapng",
             .summary = "a recorded device",
             .make = backends::CreateReplayWire},
    PortKind{.prefix = "record",
             .example = "record:FILE.pcapng,libusb:0781:5530",
             .summary = "any of these, and what passes is saved",
             .make = MakeRecordingWire},
};

// Of "model:usb-loopback"; a name without a prefix is a model's.
const PortKind *KindOf(std::string_view specification) {
    const size_t colon = specification.find(':');
    const bool has_prefix = colon != std::string_view::npos && colon < specification.find(',');
    const std::string_view prefix = has_prefix ? specification.substr(0, colon) : "model";
    const auto *const found = std::ranges::find(kKinds, prefix, &PortKind::prefix);
    return found == kKinds.end() ? nullptr : found;
}

WireResult MakeWire(std::string_view specification) {
    const PortKind *kind = KindOf(specification);
    if (kind != nullptr) {
        return kind->make(specification);
    }
    std::string examples;
    for (const PortKind &known : kKinds) {
        examples += fmt::format("{}{}", examples.empty() ? "" : ", ", known.example);
    }
    return std::unexpected(fmt::format(
        "--device {}: there is no such kind of device; use one like {}", specification, examples));
}

WireResult MakeRecordingWire(std::string_view specification) {
    auto recording = backends::ParseRecordingSpecification(specification);
    if (!recording) {
        return std::unexpected(std::move(recording.error()));
    }
    if (!IsUsbPort(recording->device)) {
        return std::unexpected(
            fmt::format("--device {}: only USB devices are recorded; {} is a PCI device",
                        specification, recording->device));
    }
    WireResult wire = MakeWire(recording->device);
    return wire ? backends::WrapWithRecording(*std::move(wire), recording->path) : std::move(wire);
}

}  // namespace

std::span<const PortKind> PortKinds() {
    return kKinds;
}

bool IsUsbPort(std::string_view specification) {
    const PortKind *kind = KindOf(specification);
    if (kind == nullptr || kind->prefix != "model") {
        return true;
    }
    const auto bus = models::FindModelBus(specification);
    return !bus || *bus == models::ModelBus::kUsb;
}

PortResult MakePort(std::string_view specification) {
    WireResult wire = MakeWire(specification);
    if (!wire) {
        return std::unexpected(std::move(wire.error()));
    }
    return backends::WiredUsbPort::Create(*std::move(wire));
}

}  // namespace opendext::device_host
