// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "backends/api/backend_error.h"
#include "backends/api/usb_port.h"
#include "backends/api/usb_transfer.h"

namespace opendext::backends {

/// A device that a wire reaches, as the wire found it.
struct UsbAttachment {
    UsbSpeed speed = UsbSpeed::kHigh;
    uint8_t address = 1;
    uint32_t location = 0;
    UsbDescriptors descriptors;
    std::string manufacturer;
    std::string product;
    std::string serial;
    std::map<uint8_t, std::string> interface_names;  ///< By their string index; where there is one.
    uint8_t configuration = 0;                       ///< In effect; 0: none.
};

/// Receives what comes over a wire. Implemented by WiredUsbPort. Any thread, with no lock of the wire held.
class UsbWireListener {
public:
    virtual ~UsbWireListener() = default;

    /// A device is there. Only when none is.
    virtual void OnAttached(UsbAttachment attachment) = 0;

    /// It is gone. The wire still ends every transfer that it has (Done with kRemoved), before or after this call. On
    /// return no Start and no operation for that device is under way, except on this thread, and none will come: one
    /// that waits for the device has to return.
    virtual void OnDetached() = 0;

    /// A transfer that was started has ended. Exactly once for each Start; possibly within Start or Cancel. The
    /// transfer is not touched by the wire any more.
    virtual void OnDone(UsbTransfer &transfer, const UsbOutcome &outcome) = 0;
};

/// The way to one device: a model's, libusb's, USB/IP's. It moves requests and nothing else; sessions, claims, order,
/// timeouts, and the promise that everything ends exactly once are WiredUsbPort's. Owned by the port. Calls come on any
/// thread, several at a time; no lock of the port is held around them.
class UsbWire {
public:
    virtual ~UsbWire() = default;

    /// Begins to report. Called once. A device that is there already is reported within.
    virtual void Begin(UsbWireListener &listener) = 0;

    /// Stops: ends every transfer (OnDone), reports nothing after its return. Called once, last.
    virtual void End() = 0;

    /// Starts a transfer; `transfer` stays until OnDone. Transfers to one endpoint are started in their order, the next
    /// one before the one before it is done.
    virtual void Start(UsbTransfer &transfer) = 0;

    /// Asks for the end of a started transfer: OnDone with kAborted and what had moved, or with how it ended by itself.
    /// Must not wait for the device to answer it: a device that hangs does not keep a transfer. Done already: ignored.
    virtual void Cancel(UsbTransfer &transfer) = 0;

    /// As of UsbBackend; they talk to the device and return when it has answered.
    [[nodiscard]] virtual BackendResult<void> SetConfiguration(uint8_t value) = 0;
    [[nodiscard]] virtual BackendResult<void> SetAlternateSetting(uint8_t interface_number,
                                                                  uint8_t alternate) = 0;
    [[nodiscard]] virtual BackendResult<void> ClearHalt(UsbEndpointAddress endpoint,
                                                        bool tells_device) = 0;
    [[nodiscard]] virtual BackendResult<void> Reset() = 0;
    [[nodiscard]] virtual BackendResult<void> SetStreams(UsbEndpointAddress endpoint,
                                                         uint16_t num_streams) = 0;

    /// Takes an interface from, or gives it back to, who else may have it (a driver of the host's kernel). When it is
    /// given back, transfers to it have been cancelled and may not be done yet.
    [[nodiscard]] virtual BackendResult<void> Claim(uint8_t interface_number) = 0;
    virtual void Release(uint8_t interface_number) = 0;

    [[nodiscard]] virtual UsbFrameTime CurrentFrame() const = 0;
};

}  // namespace opendext::backends
