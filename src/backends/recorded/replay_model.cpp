// SPDX-License-Identifier: Apache-2.0
#include "backends/recorded/replay_model.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "backends/emulated/model_usb_wire.h"
#include "backends/recorded/capture_bytes.h"
#include "backends/recorded/replay_choice.h"
#include "base/log.h"

namespace opendext::backends {

std::expected<std::unique_ptr<ReplayModel>, std::string> ReplayModel::Load(
    std::string_view specification) {
    const ReplaySpecification parsed = ParseReplaySpecification(specification);
    auto file = ReadCaptureBytes(parsed.path);
    if (!file) {
        return std::unexpected(std::move(file.error()));
    }
    return Create(std::move(*file), parsed.path, parsed.device);
}

std::expected<std::unique_ptr<ReplayModel>, std::string> ReplayModel::Create(
    std::vector<std::byte> file, std::string name, std::string_view wanted) {
    auto captured = ReadCapturedDevices(file);
    if (!captured) {
        return std::unexpected(fmt::format("{}: {}", name, captured.error().ToString()));
    }
    if (captured->cut) {
        LogWarning("{}: {}; what comes before is used", name, captured->cut->ToString());
    }
    auto chosen = ChooseReplayedDevices(std::move(captured->devices), wanted);
    if (!chosen) {
        return std::unexpected(fmt::format("{}: {}", name, chosen.error()));
    }
    std::vector<std::unique_ptr<ReplayStay>> stays;
    for (ReplayedDevice &each : *chosen) {
        stays.push_back(std::make_unique<ReplayStay>(std::move(each.device),
                                                     std::move(each.description), name));
    }
    return std::unique_ptr<ReplayModel>(new ReplayModel(std::move(file), std::move(stays)));
}

BackendResult<UsbDescription> ReplayModel::Describe() const {
    return stay().description();
}

void ReplayModel::Attach(UsbDevicePort &port) {
    port_ = &port;
    for (const auto &each : stays_) {
        each->SetPort(port);
    }
}

UsbControlReply ReplayModel::OnControl(const UsbSetup &setup, std::span<std::byte> data) {
    const UsbControlReply reply = stay().OnControl(setup, data);
    MoveOn();
    return reply;
}

void ReplayModel::OnRequest(const UsbModelRequest &request) {
    stay().OnRequest(request);
    MoveOn();
}

void ReplayModel::OnCancelled(UsbRequestId request) {
    stay().OnCancelled(request);
}

void ReplayModel::OnReset() {
    stay().OnReset();
    if (std::exchange(is_leaving_, false)) {
        ++stay_;
    }
}

// When all has been said, the device comes back as the one that the recording has next.
void ReplayModel::MoveOn() {
    if (!is_leaving_ && stay_ + 1 < stays_.size() && stay().IsOver()) {
        is_leaving_ = true;
        port_->Reattach(stays_[stay_ + 1]->description());
    }
}

std::expected<std::unique_ptr<UsbWire>, std::string> CreateReplayWire(
    std::string_view specification) {
    auto model = ReplayModel::Load(specification);
    if (!model) {
        return std::unexpected(std::move(model.error()));
    }
    auto wire = ModelUsbWire::Create(std::move(*model));
    if (!wire) {
        return std::unexpected(std::move(wire.error().message));
    }
    return std::move(*wire);
}

std::expected<std::unique_ptr<UsbPort>, std::string> CreateReplayPort(
    std::string_view specification) {
    auto wire = CreateReplayWire(specification);
    if (!wire) {
        return std::unexpected(std::move(wire.error()));
    }
    return WiredUsbPort::Create(std::move(*wire));
}

}  // namespace opendext::backends
