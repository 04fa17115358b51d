// SPDX-License-Identifier: Apache-2.0
// The operations of WiredUsbDevice that change what a device is doing. They take turns.
#include <fmt/core.h>

#include <utility>

#include "backends/usb/usb_port_state.h"
#include "backends/usb/wired_usb_device.h"

namespace opendext::backends {
namespace {

constexpr UsbEndpointSet kControlEndpoint = 1;

}  // namespace

WiredUsbDevice::QuietEndpoints::QuietEndpoints(WiredUsbDevice &device,
                                               std::unique_lock<std::mutex> &lock,
                                               UsbEndpointSet endpoints)
    : device_(device) {
    device_.quiet_endpoints_ = endpoints;
    device_.port_->transfers().EndAndWait(lock, {.group = &device_, .endpoints = endpoints},
                                          UsbStatus::kAborted);
}

BackendResult<void> WiredUsbDevice::CheckPresent() const {
    if (!IsPresent()) {
        return Refuse(BackendErrorCode::kRemoved, "the device is gone");
    }
    return {};
}

template <typename Function>
BackendResult<void> WiredUsbDevice::CallWire(std::unique_lock<std::mutex> &lock,
                                             Function function) {
    if (auto present = CheckPresent(); !present) {
        return present;
    }
    BackendResult<void> result = port_->wire().CallDevice(lock, function);
    return IsPresent() ? std::move(result) : CheckPresent();
}

BackendResult<void> WiredUsbDevice::Claim(UsbSessionId session, UsbClaim what) {
    std::unique_lock lock(port_->mutex());
    const WireTurns::Turn turn(port_->turns(), lock);
    if (auto present = CheckPresent(); !present) {
        return present;
    }
    if (auto may = claims_.CheckClaim(session, what); !may) {
        return may;
    }
    if (what && !at_wire_.test(*what)) {
        auto done = CallWire(lock, [what](UsbWire &wire) { return wire.Claim(*what); });
        if (!done) {
            return done;
        }
        at_wire_.set(*what);
    }
    claims_.Claim(session, what);
    return {};
}

void WiredUsbDevice::Release(UsbSessionId session, UsbClaim what) {
    std::unique_lock lock(port_->mutex());
    if (!claims_.Holds(session, what)) {
        return;
    }
    const UsbEndpointSet endpoints = what ? claims_.EndpointsOf(*what) : kControlEndpoint;
    claims_.Release(what);
    port_->transfers().End(lock, {.group = this, .session = session, .endpoints = endpoints},
                           UsbStatus::kAborted);
    if (what) {
        ReleaseAtWireLater(lock, *what);
    }
}

void WiredUsbDevice::ReleaseAtWireLater(std::unique_lock<std::mutex> &lock,
                                        uint8_t interface_number) {
    port_->turns().Post(
        lock, [self = shared_from_this(), interface_number](std::unique_lock<std::mutex> &held) {
            if (!self->claims_.IsHeld(interface_number)) {
                self->ReleaseAtWire(held, interface_number);
            }
        });
}

void WiredUsbDevice::ReleaseAtWire(std::unique_lock<std::mutex> &lock, uint8_t interface_number) {
    if (!IsPresent() || !at_wire_.test(interface_number)) {
        return;
    }
    at_wire_.reset(interface_number);
    port_->wire().CallDevice(lock,
                             [interface_number](UsbWire &wire) { wire.Release(interface_number); });
}

BackendResult<void> WiredUsbDevice::SetConfiguration(UsbSessionId session, uint8_t value,
                                                     bool publishes) {
    std::unique_lock lock(port_->mutex());
    auto done = Configure(lock, session, value, publishes);
    port_->events().DeliverAndWait(lock);
    return done;
}

BackendResult<void> WiredUsbDevice::Configure(std::unique_lock<std::mutex> &lock,
                                              UsbSessionId session, uint8_t value, bool publishes) {
    const WireTurns::Turn turn(port_->turns(), lock);
    if (value != 0 && identity_->descriptors.FindConfiguration(value) == nullptr) {
        return Refuse(BackendErrorCode::kNotFound,
                      fmt::format("the device has no configuration {}", value));
    }
    if (auto present = CheckPresent(); !present) {
        return present;
    }
    if (claims_.OthersHoldDevice(session)) {
        return Refuse(BackendErrorCode::kBusy, "another session has opened the device");
    }
    const QuietEndpoints quiet(*this, lock, kAllUsbEndpoints & ~kControlEndpoint);
    const std::bitset<256> claimed_before = at_wire_;
    ReleaseAllAtWire(lock);
    auto done = CallWire(lock, [value](UsbWire &wire) { return wire.SetConfiguration(value); });
    if (!done) {
        // As it was: whoever had an interface still has it.
        for (size_t number = 0; number < claimed_before.size(); ++number) {
            if (claimed_before.test(number) && CallWire(lock, [number](UsbWire &wire) {
                    return wire.Claim(static_cast<uint8_t>(number));
                })) {
                at_wire_.set(number);
            }
        }
        return done;
    }
    claims_.SetConfiguration(value);
    publishes_interfaces_ = publishes;
    port_->events().Post(ConfiguredEvent());
    return {};
}

void WiredUsbDevice::ReleaseAllAtWire(std::unique_lock<std::mutex> &lock) {
    for (size_t number = 0; number < at_wire_.size(); ++number) {
        ReleaseAtWire(lock, static_cast<uint8_t>(number));
    }
}

BackendResult<void> WiredUsbDevice::SetAlternateSetting(UsbSessionId session,
                                                        uint8_t interface_number,
                                                        uint8_t alternate) {
    std::unique_lock lock(port_->mutex());
    auto done = Select(lock, session, interface_number, alternate);
    port_->events().DeliverAndWait(lock);
    return done;
}

BackendResult<void> WiredUsbDevice::Select(std::unique_lock<std::mutex> &lock, UsbSessionId session,
                                           uint8_t interface_number, uint8_t alternate) {
    const WireTurns::Turn turn(port_->turns(), lock);
    if (auto present = CheckPresent(); !present) {
        return present;
    }
    if (auto may = claims_.CheckSetting(session, interface_number, alternate); !may) {
        return may;
    }
    const QuietEndpoints quiet(*this, lock, claims_.EndpointsOf(interface_number));
    auto done = CallWire(lock, [interface_number, alternate](UsbWire &wire) {
        return wire.SetAlternateSetting(interface_number, alternate);
    });
    if (!done || !claims_.Holds(session, interface_number)) {
        return done;
    }
    const bool is_new = claims_.AlternateSetting(interface_number) != alternate;
    claims_.SetAlternateSetting(interface_number, alternate);
    const UsbConfiguration *configuration =
        identity_->descriptors.FindConfiguration(claims_.configuration());
    if (is_new && configuration != nullptr) {
        port_->events().Post(SettingEvent(*configuration->Find(interface_number, alternate)));
    }
    return done;
}

BackendResult<const UsbClaims::OpenEndpoint *> WiredUsbDevice::FindOpen(
    UsbSessionId session, UsbEndpointAddress endpoint) const {
    if (auto present = CheckPresent(); !present) {
        return std::unexpected(present.error());
    }
    const UsbClaims::OpenEndpoint &open = claims_.Find(endpoint);
    if (open.descriptor == nullptr || open.holder != session) {
        return Refuse(
            BackendErrorCode::kNotFound,
            fmt::format("endpoint {:#04x} is in no setting of an open interface", endpoint.value));
    }
    return &open;
}

BackendResult<void> WiredUsbDevice::ClearHalt(UsbSessionId session, UsbEndpointAddress endpoint,
                                              bool tells_device) {
    std::unique_lock lock(port_->mutex());
    if (endpoint.number() == 0) {
        return CheckPresent();  // a control endpoint halts only for the request that it refuses
    }
    const WireTurns::Turn turn(port_->turns(), lock);
    if (auto open = FindOpen(session, endpoint); !open) {
        return std::unexpected(open.error());
    }
    return CallWire(lock, [endpoint, tells_device](UsbWire &wire) {
        return wire.ClearHalt(endpoint, tells_device);
    });
}

BackendResult<void> WiredUsbDevice::Reset() {
    std::unique_lock lock(port_->mutex());
    const WireTurns::Turn turn(port_->turns(), lock);
    if (auto present = CheckPresent(); !present) {
        return present;
    }
    const QuietEndpoints quiet(*this, lock, kAllUsbEndpoints);
    auto done = CallWire(lock, [](UsbWire &wire) { return wire.Reset(); });
    claims_.EndStreams();
    return done;
}

BackendResult<void> WiredUsbDevice::SetStreams(UsbSessionId session, UsbEndpointAddress endpoint,
                                               uint16_t num_streams) {
    std::unique_lock lock(port_->mutex());
    const WireTurns::Turn turn(port_->turns(), lock);
    const auto open = FindOpen(session, endpoint);
    if (!open) {
        return std::unexpected(open.error());
    }
    const UsbEndpoint &descriptor = *(*open)->descriptor;
    if (descriptor.type != UsbTransferType::kBulk || descriptor.max_streams_log2 == 0) {
        return Refuse(BackendErrorCode::kUnsupported,
                      fmt::format("endpoint {:#04x} has no streams", endpoint.value));
    }
    if (num_streams > 1U << descriptor.max_streams_log2) {
        return Refuse(BackendErrorCode::kInvalidArgument,
                      fmt::format("endpoint {:#04x} has {} streams, not {}", endpoint.value,
                                  1U << descriptor.max_streams_log2, num_streams));
    }
    const QuietEndpoints quiet(*this, lock, SetOf(endpoint));
    auto done = CallWire(lock, [endpoint, num_streams](UsbWire &wire) {
        return wire.SetStreams(endpoint, num_streams);
    });
    if (done && FindOpen(session, endpoint)) {
        claims_.SetStreams(endpoint, num_streams);
    }
    return done;
}

}  // namespace opendext::backends
