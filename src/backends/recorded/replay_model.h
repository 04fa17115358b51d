// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "backends/emulated/usb_device_model.h"
#include "backends/recorded/replay_stay.h"
#include "backends/usb/usb_wire.h"
#include "backends/usb/wired_usb_port.h"

namespace opendext::backends {

/// A device that answers as it did in a capture: one of OpenDext's own, of Wireshark or tcpdump on Linux, or of USBPcap.
/// When the driver does what it did not do then, the request stalls and one line says so, with the packet's number.
///
/// A recording of OpenDext's own is played back with all that was at the port, one device after the other.
class ReplayModel final : public UsbDeviceModel {
public:
    /// `specification`: as ReplaySpecification. @return in one line what is wrong with the file, where, or which devices
    /// there are.
    [[nodiscard]] static std::expected<std::unique_ptr<ReplayModel>, std::string> Load(
        std::string_view specification);

    /// The same from bytes; `name` stands for the file in messages. `wanted`: empty, or BUS.ADDRESS.
    [[nodiscard]] static std::expected<std::unique_ptr<ReplayModel>, std::string> Create(
        std::vector<std::byte> file, std::string name, std::string_view wanted);

    [[nodiscard]] std::string_view Name() const override { return "replay"; }
    [[nodiscard]] BackendResult<UsbDescription> Describe() const override;
    void Attach(UsbDevicePort &port) override;
    UsbControlReply OnControl(const UsbSetup &setup, std::span<std::byte> data) override;
    void OnRequest(const UsbModelRequest &request) override;
    void OnCancelled(UsbRequestId request) override;
    void OnReset() override;

private:
    ReplayModel(std::vector<std::byte> file, std::vector<std::unique_ptr<ReplayStay>> stays)
        : file_(std::move(file)), stays_(std::move(stays)) {}
    [[nodiscard]] ReplayStay &stay() const { return *stays_[stay_]; }
    void MoveOn();

    const std::vector<std::byte> file_;  // the stays refer to it
    const std::vector<std::unique_ptr<ReplayStay>> stays_;
    UsbDevicePort *port_ = nullptr;
    size_t stay_ = 0;
    bool is_leaving_ = false;
};

/// What `--device replay:FILE` means, as a wire and as a port.
[[nodiscard]] std::expected<std::unique_ptr<UsbWire>, std::string> CreateReplayWire(
    std::string_view specification);
[[nodiscard]] std::expected<std::unique_ptr<UsbPort>, std::string> CreateReplayPort(
    std::string_view specification);

}  // namespace opendext::backends
