// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "backends/emulated/usb_device_model.h"
#include "backends/recorded/captured_transfers.h"
#include "backends/recorded/replay_controls.h"
#include "backends/recorded/replay_endpoints.h"

namespace opendext::backends {

/// One stay of a recorded device at its port: what it was, and what it answers. Guarded by the model's mutex.
class ReplayStay final : public ReplayStage {
public:
    /// `port` is used from the first request on, and may be set later. `file` names the recording in log lines.
    ReplayStay(CapturedDevice device, UsbDescription description, std::string file);
    ReplayStay(const ReplayStay &) = delete;
    ReplayStay &operator=(const ReplayStay &) = delete;

    void SetPort(UsbDevicePort &port) { port_ = &port; }

    [[nodiscard]] const UsbDescription &description() const { return description_; }

    UsbControlReply OnControl(const UsbSetup &setup, std::span<std::byte> data);
    void OnRequest(const UsbModelRequest &request);
    void OnCancelled(UsbRequestId request);
    void OnReset();

    /// The driver has sent all that was sent, and has got all that came.
    [[nodiscard]] bool IsOver() const;

private:
    UsbDevicePort &port() override { return *port_; }
    ReplayTimeline &timeline() override { return timeline_; }
    void Depart(std::string what) override;

    void AddSent();
    void AddReceived();
    [[nodiscard]] uint16_t MaxPacketBytes(UsbEndpointAddress address) const;
    void Pump();

    const CapturedDevice device_;
    const UsbDescription description_;
    const std::string file_;
    UsbDevicePort *port_ = nullptr;
    ReplayTimeline timeline_;
    ReplayControls controls_{*this};
    std::map<UsbEndpointAddress, ReplayInEndpoint> in_;
    std::map<UsbEndpointAddress, ReplayOutEndpoint> out_;
    std::map<UsbEndpointAddress, ReplayIsochronousEndpoint> isochronous_;
};

}  // namespace opendext::backends
