// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string_view>

#include "backends/emulated/usb_device_model.h"

namespace opendext::models {

/// The example of docs/device-models.md: a dial with one interrupt endpoint. Vendor request 1 turns it by wValue, and
/// each turn is a report of one byte, the new position.
class UsbDialModel final : public backends::UsbDeviceModel {
public:
    std::string_view Name() const override { return "usb-dial"; }

    backends::BackendResult<backends::UsbDescription> Describe() const override {
        return backends::UsbDeviceBuilder(0x1209, 0x0004, backends::UsbSpeed::kFull)
            .Strings("OpenDext", "Dial", "")
            .Configuration(1)
            .Interface(0, 0, 0xFF, 0, 0)
            .Interrupt(kReportIn, 1, 10)
            .Build();
    }

    void Attach(backends::UsbDevicePort &port) override { port_ = &port; }

    backends::UsbControlReply OnControl(const backends::UsbSetup &setup,
                                        std::span<std::byte>) override {
        if (setup.request_type != 0x40 || setup.request != 1) {
            return backends::UsbControlReply::Stall();
        }
        position_ = static_cast<uint8_t>(position_ + setup.value);
        reports_.push_back(position_);
        SendReports();
        return backends::UsbControlReply::Success();
    }

    void OnRequest(const backends::UsbModelRequest &request) override {
        requests_.push_back(request);  // until there is something to tell, the device answers NAK
        SendReports();
    }

    void OnCancelled(backends::UsbRequestId id) override {
        std::erase_if(requests_, [id](const auto &request) { return request.id == id; });
    }

    void OnReset() override {
        position_ = 0;
        reports_.clear();
        requests_.clear();
    }

private:
    static constexpr uint8_t kReportIn = 0x81;

    void SendReports() {
        for (; !requests_.empty() && !reports_.empty(); requests_.pop_front()) {
            const backends::UsbModelRequest &request = requests_.front();
            if (request.num_bytes == 0) {
                port_->Complete(request.id, backends::UsbStatus::kSuccess, 0);
                continue;
            }
            request.pieces.front()[0] = static_cast<std::byte>(reports_.front());
            reports_.pop_front();
            port_->Complete(request.id, backends::UsbStatus::kSuccess, 1);
        }
    }

    backends::UsbDevicePort *port_ = nullptr;
    uint8_t position_ = 0;
    std::deque<uint8_t> reports_;                     // not sent yet
    std::deque<backends::UsbModelRequest> requests_;  // of the host, waiting for reports
};

}  // namespace opendext::models
