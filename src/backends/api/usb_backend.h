// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <utility>

#include "backends/api/backend_error.h"
#include "backends/api/removal_listener.h"
#include "backends/api/usb_descriptors.h"
#include "backends/api/usb_transfer.h"
#include "backends/api/usb_types.h"

namespace opendext::backends {

/// What a session has to itself: the device (no interface number), or one interface of it.
using UsbClaim = std::optional<uint8_t>;

/// One user's session with one USB device, whatever stands behind it: a model, hardware through libusb, another
/// machine through USB/IP, or a process that serves one of these. The family that drivers see is written against this
/// interface alone. It lives by shared_ptr; its last owner's end aborts what is outstanding, and the session's claims
/// end. Thread-safe. No call waits for a driver; those that talk to the device say so.
class UsbBackend {
public:
    virtual ~UsbBackend() = default;

    /// Another session with the same device. @return kRemoved, kNoResources.
    [[nodiscard]] virtual BackendResult<std::shared_ptr<UsbBackend>> NewSession() = 0;

    /// Never changes: a device that comes back with others is another device.
    [[nodiscard]] virtual const UsbDescriptors &Descriptors() const = 0;
    [[nodiscard]] virtual UsbSpeed Speed() const = 0;
    /// 1..127.
    [[nodiscard]] virtual uint8_t Address() const = 0;
    /// False once the device is gone; never becomes true again.
    [[nodiscard]] virtual bool IsPresent() const = 0;
    [[nodiscard]] virtual UsbFrameTime CurrentFrame() const = 0;

    /// Takes the device or an interface for this session alone. The device can be claimed beside its interfaces.
    /// @return kBusy (another session has it), kNotFound (no such interface in the configuration), kRemoved.
    [[nodiscard]] virtual BackendResult<void> Claim(UsbClaim what) = 0;

    /// Gives it back. The session's transfers to the interface's endpoints, of the device to endpoint 0, are aborted
    /// first. Not claimed: does nothing.
    virtual void Release(UsbClaim what) = 0;

    /// bConfigurationValue in effect; 0: not configured.
    [[nodiscard]] virtual uint8_t Configuration() const = 0;

    /// Configures the device: every interface of before ends, whoever had claimed it, and its transfers with it.
    /// `publishes_interfaces`: drivers are matched to the new ones. Talks to the device.
    /// @return kNotFound (no such configuration), kBusy (another session has claimed the device), kRemoved,
    /// kUnsupported (the device refused).
    [[nodiscard]] virtual BackendResult<void> SetConfiguration(uint8_t value,
                                                               bool publishes_interfaces) = 0;

    /// The setting of an interface in effect; 0 when it is unknown.
    [[nodiscard]] virtual uint8_t AlternateSetting(uint8_t interface_number) const = 0;

    /// Aborts the transfers to the interface's endpoints and selects another setting. Talks to the device.
    /// @return kInvalidArgument (not claimed by this session), kNotFound, kRemoved, kUnsupported.
    [[nodiscard]] virtual BackendResult<void> SetAlternateSetting(uint8_t interface_number,
                                                                  uint8_t alternate) = 0;

    /// Ends a halt on the host's side, and with `tells_device` by CLEAR_FEATURE(ENDPOINT_HALT) on the device's. Data
    /// toggles start anew. Talks to the device then.
    /// @return kNotFound, kRemoved, kUnsupported (the device refused).
    [[nodiscard]] virtual BackendResult<void> ClearHalt(UsbEndpointAddress endpoint,
                                                        bool tells_device) = 0;

    /// Port reset; the device stays the same, its configuration and settings are set again. Transfers are aborted.
    /// Talks to the device. @return kRemoved (it did not come back as it was), kUnsupported.
    [[nodiscard]] virtual BackendResult<void> Reset() = 0;

    /// Gives a SuperSpeed bulk endpoint streams 1 to `num_streams`; 0 takes them away.
    /// @return kNotFound, kUnsupported, kInvalidArgument (more than it announces), kNoResources.
    [[nodiscard]] virtual BackendResult<void> SetStreams(UsbEndpointAddress endpoint,
                                                         uint16_t num_streams) = 0;

    /// Starts a transfer; those to one endpoint are carried out in this order and complete in it. It always ends by
    /// OnComplete, possibly before this returns. A control transfer needs no claim.
    virtual void Submit(std::unique_ptr<UsbTransfer> transfer) = 0;

    /// Submit, for a thread that has nothing to do but wait for this transfer: lends the thread to the backend, which
    /// delivers completions on it (of other transfers, too) as long as `word` holds `expected`, until it is better to
    /// sleep. OnComplete of `transfer` changes the word. Returns soon either way; a caller that finds the word as it was
    /// sleeps until OnComplete wakes it. Where completions need no polling, this is Submit.
    virtual void SubmitAndPoll(std::unique_ptr<UsbTransfer> transfer,
                               const std::atomic<uint32_t> & /*word*/, uint32_t /*expected*/) {
        Submit(std::move(transfer));
    }

    /// Ends this session's transfers to an endpoint (to one stream of it, unless 0): each completes with kAborted, or
    /// as it ended by itself. Returns at once.
    virtual void Abort(UsbEndpointAddress endpoint, uint16_t stream) = 0;

    /// Receives the news that the device is gone, after every transfer has ended; or NULL. On return no call to the
    /// former listener is under way. Told at once when it is gone already. Not to be called from the listener.
    virtual void SetRemovalListener(RemovalListener *listener) = 0;
};

}  // namespace opendext::backends
