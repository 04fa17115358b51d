// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "backends/emulated/usb_device_model.h"

namespace opendext::backends {

/// A model for tests: what it is, and what it does with requests, is the test's. It keeps account of what it hears.
class ScriptedUsbModel final : public UsbDeviceModel {
public:
    explicit ScriptedUsbModel(UsbDescription description) : description_(std::move(description)) {}

    [[nodiscard]] std::string_view Name() const override { return "scripted"; }
    [[nodiscard]] BackendResult<UsbDescription> Describe() const override { return description_; }
    void Attach(UsbDevicePort &port) override { port_ = &port; }
    UsbControlReply OnControl(const UsbSetup &setup, std::span<std::byte> data) override {
        return on_control ? on_control(setup, data) : UsbControlReply::Stall();
    }
    void OnRequest(const UsbModelRequest &request) override {
        requests.push_back(request.id);
        if (on_request) {
            on_request(request);
        }
    }
    void OnCancelled(UsbRequestId request) override { cancelled.push_back(request); }
    void OnConfigured(uint8_t configuration) override {
        heard += "configuration " + std::to_string(configuration) + "; ";
    }
    void OnAlternateSetting(uint8_t interface_number, uint8_t alternate) override {
        heard +=
            "setting " + std::to_string(interface_number) + "." + std::to_string(alternate) + "; ";
    }
    void OnReset() override { heard += "reset; "; }

    [[nodiscard]] UsbDevicePort &port() { return *port_; }
    [[nodiscard]] std::string TakeHeard() {
        const std::lock_guard lock(mutex());
        return std::exchange(heard, {});
    }
    void Complete(UsbRequestId request, UsbStatus status, uint64_t num_bytes) {
        const std::lock_guard lock(mutex());
        port_->Complete(request, status, num_bytes);
    }

    std::function<UsbControlReply(const UsbSetup &, std::span<std::byte>)> on_control;
    std::function<void(const UsbModelRequest &)> on_request;
    // Guarded by mutex().
    std::vector<UsbRequestId> requests;
    std::vector<UsbRequestId> cancelled;
    std::string heard;

private:
    const UsbDescription description_;
    UsbDevicePort *port_ = nullptr;
};

}  // namespace opendext::backends
