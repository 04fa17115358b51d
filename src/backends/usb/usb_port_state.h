// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "backends/usb/usb_port_events.h"
#include "backends/usb/usb_transfer_table.h"
#include "backends/usb/usb_wire.h"
#include "backends/usb/wire_access.h"

namespace opendext::backends {

class WiredUsbDevice;

/// What a WiredUsbPort and its sessions share: the wire, which device is there, and what both need. Lives until the port
/// and every session have gone. One lock guards all of it.
class UsbPortState final : public UsbWireListener,
                           public std::enable_shared_from_this<UsbPortState> {
public:
    explicit UsbPortState(std::unique_ptr<UsbWire> wire)
        : wire_(std::move(wire)), transfers_(wire_) {}

    void Begin() { wire_.Begin(*this); }

    /// The port's end: the device is gone, and so is the wire.
    void End();

    void SetListener(UsbPortListener *listener);

    /// The device that is there, if it is this one; else NULL.
    [[nodiscard]] std::shared_ptr<WiredUsbDevice> Find(UsbDeviceId id);

    // UsbWireListener.
    void OnAttached(UsbAttachment attachment) override;
    void OnDetached() override;
    void OnDone(UsbTransfer &transfer, const UsbOutcome &outcome) override {
        transfers_.OnDone(transfer, outcome);
    }

    // For WiredUsbDevice.
    [[nodiscard]] std::mutex &mutex() { return wire_.mutex(); }
    [[nodiscard]] WireAccess &wire() { return wire_; }
    [[nodiscard]] WireTurns &turns() { return turns_; }
    [[nodiscard]] UsbTransferTable &transfers() { return transfers_; }
    [[nodiscard]] UsbPortEvents &events() { return events_; }
    [[nodiscard]] UsbSessionId NewSessionId() {
        return static_cast<UsbSessionId>(++last_session_id_);
    }

    /// Every transfer of the device that is there has ended, after it was detached.
    void OnDeviceGone(std::unique_lock<std::mutex> &lock);

private:
    void Attach(UsbAttachment attachment);
    [[nodiscard]] std::vector<UsbPortEvents::Event> DescribeNow() const;

    WireAccess wire_;
    WireTurns turns_;
    UsbTransferTable transfers_;
    UsbPortEvents events_;
    std::shared_ptr<WiredUsbDevice> current_;  // until OnDeviceGone
    std::optional<UsbAttachment> next_;        // came while current_ was not gone yet
    uint64_t last_device_id_ = 0;
    uint64_t last_session_id_ = 0;
    bool is_ended_ = false;
    std::condition_variable gone_;
};

}  // namespace opendext::backends
