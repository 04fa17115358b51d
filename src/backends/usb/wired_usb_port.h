// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "backends/api/usb_port.h"
#include "backends/usb/usb_wire.h"

namespace opendext::backends {

class UsbPortState;

/// The port at the end of a wire: sessions with the device, who has claimed what, the order of transfers, timeouts
/// and aborts, what is configured, and that every transfer ends exactly once, whatever the wire and the device do. One
/// implementation for all kinds of devices.
///
/// Locks: none is held while a wire, a listener or OnComplete is called. A thread of its own watches timeouts, from the
/// first transfer on that has one and is not done at once. Operations that talk to the device take turns. The end of the
/// port detaches the device as an unplug does; sessions outlive it and find it gone.
///
/// Of transfers to one endpoint and stream, each session sees its own complete in order; one that times out does not wait
/// for those before it. A request that changes the address, the configuration or a setting is refused as a transfer
/// (kUnsupported): there are operations for it.
class WiredUsbPort final : public UsbPort {
public:
    /// Begins the wire.
    [[nodiscard]] static std::unique_ptr<WiredUsbPort> Create(std::unique_ptr<UsbWire> wire);

    ~WiredUsbPort() override;
    WiredUsbPort(const WiredUsbPort &) = delete;
    WiredUsbPort &operator=(const WiredUsbPort &) = delete;

    void SetListener(UsbPortListener *listener) override;
    [[nodiscard]] BackendResult<std::shared_ptr<UsbBackend>> Open(UsbDeviceId device) override;

private:
    explicit WiredUsbPort(std::shared_ptr<UsbPortState> state);
    const std::shared_ptr<UsbPortState> state_;
};

}  // namespace opendext::backends
