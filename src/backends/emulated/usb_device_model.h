// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backends/api/backend_error.h"
#include "backends/api/usb_descriptors.h"
#include "backends/api/usb_types.h"
#include "backends/emulated/usb_description.h"

namespace opendext::backends {

/// A transfer that waits at an endpoint of a model. Named by number, so that one that has ended meanwhile (aborted,
/// timed out) is simply not there any more.
enum class UsbRequestId : uint64_t { kNone = 0 };

/// What a model may do with a request that is at one of its endpoints.
struct UsbModelRequest {
    UsbRequestId id = UsbRequestId::kNone;
    UsbEndpointAddress endpoint;
    UsbTransferType type = UsbTransferType::kBulk;
    uint16_t stream = 0;
    /// The host's own memory, without a copy: OUT, what it sends; IN, room for an answer. Pieces follow each other. Valid
    /// while the callback runs, and until the request has been completed if mutex() is held when it is touched.
    std::span<const std::span<std::byte>> pieces;
    uint64_t num_bytes = 0;
};

/// The answer to a control request.
struct UsbControlReply {
    UsbStatus status = UsbStatus::kStalled;
    uint64_t num_bytes =
        0;  ///< IN: how many were written. More than there was room for is kBabble.
    bool is_pending = false;  ///< The device answers NAK for ever: only the host ends the request.

    static UsbControlReply Success(uint64_t num_bytes = 0) {
        return {.status = UsbStatus::kSuccess, .num_bytes = num_bytes};
    }
    static UsbControlReply Stall() { return {}; }
    static UsbControlReply Pending() { return {.is_pending = true}; }
};

/// The device's side of the port. Implemented by ModelUsbWire; thread-safe, valid from Attach until the model's
/// destructor has returned. What it calls back runs later or on this thread with mutex() held, as it says.
class UsbDevicePort {
public:
    virtual ~UsbDevicePort() = default;

    /// Ends a request of an endpoint: `num_bytes` of it have moved. Fewer than asked for is a short packet; more than
    /// asked for is kBabble by itself; kStalled halts the endpoint. One that is not there any more is ignored. With
    /// mutex() held.
    virtual void Complete(UsbRequestId request, UsbStatus status, uint64_t num_bytes) = 0;

    /// Halts an endpoint: requests at it and later ones stall until the host clears it. With mutex() held.
    virtual void Halt(UsbEndpointAddress endpoint) = 0;
    [[nodiscard]] virtual bool IsHalted(UsbEndpointAddress endpoint) const = 0;

    /// Unplugs the device: everything outstanding ends. Returns at once. With or without mutex().
    virtual void Detach() = 0;

    /// The device leaves and comes back as this (re-enumeration): unconfigured, with a new address. Returns at once;
    /// the model's OnReset comes before the new device is seen. Also brings back one that was detached. With or without
    /// mutex().
    virtual void Reattach(UsbDescription description) = 0;
};

/// A software USB device. Write one by deriving: say what it is, answer its own control requests, and serve its
/// endpoints. Standard requests (descriptors, SET_CONFIGURATION, SET_INTERFACE, GET_STATUS, halts) are served from the
/// description by ModelUsbWire; the model only hears of them.
///
/// Threads: callbacks run one at a time, with mutex() held, on the thread of whoever submits; they do not wait. A model
/// with work of its own has a thread, which takes mutex() to touch the state and to complete requests; the destructor
/// ends it. What the host's side does about a completion happens after mutex() has been given up.
class UsbDeviceModel {
public:
    virtual ~UsbDeviceModel() = default;
    UsbDeviceModel(const UsbDeviceModel &) = delete;
    UsbDeviceModel &operator=(const UsbDeviceModel &) = delete;

    /// The name in the catalog and in log lines.
    [[nodiscard]] virtual std::string_view Name() const = 0;

    /// What the device is when it is plugged in. Called once, first.
    [[nodiscard]] virtual BackendResult<UsbDescription> Describe() const = 0;

    /// It is plugged in. Called once, before any request; threads may start here.
    virtual void Attach(UsbDevicePort &port) = 0;

    /// A class or vendor request (or a standard one that the description does not answer). `data`: OUT, the data stage;
    /// IN, room for it, of setup.length. The default stalls.
    virtual UsbControlReply OnControl(const UsbSetup &setup, std::span<std::byte> data);

    /// A request has come to an endpoint. Complete it now or later; until then the endpoint answers NAK and the host
    /// waits. Requests to one endpoint are completed in their order. The default never completes it.
    /// An isochronous one is a single frame whose time it is: completed in this call, or never. What is not taken of OUT
    /// is lost, what is not given for IN is an underrun; more than the frame has room for is babble.
    virtual void OnRequest(const UsbModelRequest &request);

    /// The host gave up on a request (abort, timeout, a halt or a configuration that it set); it is gone. For a model
    /// that keeps a list. Not called for what the model ends itself, by Halt or Detach, nor before OnReset.
    virtual void OnCancelled(UsbRequestId request);

    /// The host has selected a configuration (0: none), or a setting of an interface.
    virtual void OnConfigured(uint8_t configuration);
    virtual void OnAlternateSetting(uint8_t interface_number, uint8_t alternate);

    /// The port was reset, or the device is about to come back: as after power-on. No request is left.
    virtual void OnReset();

    /// Serialises the callbacks.
    [[nodiscard]] std::mutex &mutex() { return mutex_; }

protected:
    UsbDeviceModel() = default;

private:
    std::mutex mutex_;
};

}  // namespace opendext::backends
