// SPDX-License-Identifier: Apache-2.0
#include "backends/usb/wired_usb_device.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "backends/usb/usb_port_state.h"
#include "backends/usb/usb_transfer_checks.h"
#include "backends/usb/wired_usb_session.h"

namespace opendext::backends {
namespace {

// A device of this class belongs to one driver, which decides whether its interfaces are published.
constexpr uint8_t kVendorSpecificClass = 0xFF;

}  // namespace

WiredUsbDevice::WiredUsbDevice(std::shared_ptr<UsbPortState> port, UsbDeviceIdentity identity,
                               uint8_t configuration)
    : port_(std::move(port)),
      identity_(std::make_shared<UsbDeviceIdentity>(std::move(identity))),
      claims_(identity_->descriptors, configuration),
      publishes_interfaces_(identity_->descriptors.device.device_class != kVendorSpecificClass) {}

UsbPortEvents::Event WiredUsbDevice::ConfiguredEvent() const {
    return {.kind = UsbPortEvents::Kind::kConfigured,
            .device = identity_->id,
            .configuration = claims_.configuration(),
            .publishes = publishes_interfaces_};
}

UsbPortEvents::Event WiredUsbDevice::SettingEvent(const UsbInterfaceSetting &setting) const {
    return {.kind = UsbPortEvents::Kind::kSettingSelected,
            .device = identity_->id,
            .identity = identity_,
            .setting = &setting};
}

std::vector<UsbPortEvents::Event> WiredUsbDevice::SettingEvents() const {
    std::vector<UsbPortEvents::Event> events;
    const UsbConfiguration *configuration =
        identity_->descriptors.FindConfiguration(claims_.configuration());
    for (const uint8_t number : configuration->InterfaceNumbers()) {
        const uint8_t alternate = claims_.AlternateSetting(number);
        const UsbInterfaceSetting *setting = configuration->Find(number, alternate);
        if (alternate != 0 && setting != nullptr) {
            events.push_back(SettingEvent(*setting));
        }
    }
    return events;
}

void WiredUsbDevice::Detach(std::unique_lock<std::mutex> &lock) {
    if (is_detached_.exchange(true, std::memory_order_acq_rel)) {
        return;
    }
    port_->transfers().End(lock, {.group = this}, UsbStatus::kRemoved);
    port_->wire().WaitForDeviceCalls(lock);
    if (IsDrained()) {
        OnDrained(lock);
    }
}

void WiredUsbDevice::OnDrained(std::unique_lock<std::mutex> &lock) {
    if (IsPresent() || is_gone_) {
        return;
    }
    is_gone_ = true;
    const auto is_untold = [](const auto &each) {
        return each.second.listener != nullptr && !each.second.was_told;
    };
    for (auto each = std::ranges::find_if(sessions_, is_untold); each != sessions_.end();
         each = std::ranges::find_if(sessions_, is_untold)) {
        Tell(lock, each->first);
    }
    port_->OnDeviceGone(lock);
}

void WiredUsbDevice::Tell(std::unique_lock<std::mutex> &lock, UsbSessionId id) {
    Session &session = sessions_[id];
    RemovalListener &listener = *session.listener;
    session.was_told = true;
    session.is_being_told = true;
    session.teller = std::this_thread::get_id();
    lock.unlock();
    listener.OnDeviceRemoved();
    lock.lock();
    if (const auto still = sessions_.find(id); still != sessions_.end()) {
        still->second.is_being_told = false;
    }
    told_.notify_all();
}

void WiredUsbDevice::WaitUntilTold(std::unique_lock<std::mutex> &lock, UsbSessionId id) {
    told_.wait(lock, [&] {
        const Session &session = sessions_[id];
        return !session.is_being_told || session.teller == std::this_thread::get_id();
    });
}

void WiredUsbDevice::SetRemovalListener(UsbSessionId id, RemovalListener *listener) {
    std::unique_lock lock(port_->mutex());
    WaitUntilTold(lock, id);
    sessions_[id] = {.listener = listener};
    if (listener != nullptr && is_gone_) {
        Tell(lock, id);
    }
}

BackendResult<std::shared_ptr<UsbBackend>> WiredUsbDevice::OpenSession() {
    const std::lock_guard lock(port_->mutex());
    if (auto present = CheckPresent(); !present) {
        return std::unexpected(present.error());
    }
    const UsbSessionId id = port_->NewSessionId();
    sessions_[id] = {};
    return std::make_shared<WiredUsbSession>(shared_from_this(), id);
}

void WiredUsbDevice::EndSession(UsbSessionId id) {
    std::unique_lock lock(port_->mutex());
    WaitUntilTold(lock, id);
    sessions_.erase(id);
    const std::vector<uint8_t> interfaces = claims_.InterfacesOf(id);
    for (const uint8_t number : interfaces) {
        claims_.Release(number);
    }
    if (claims_.Holds(id, std::nullopt)) {
        claims_.Release(std::nullopt);
    }
    port_->transfers().End(lock, {.group = this, .session = id}, UsbStatus::kAborted);
    port_->transfers().Forget(id);
    for (const uint8_t number : interfaces) {
        ReleaseAtWireLater(lock, number);
    }
}

UsbFrameTime WiredUsbDevice::CurrentFrame() {
    std::unique_lock lock(port_->mutex());
    if (!port_->wire().is_open()) {
        return {};
    }
    return port_->wire().Call(lock, [](UsbWire &wire) { return wire.CurrentFrame(); });
}

uint8_t WiredUsbDevice::Configuration() {
    const std::lock_guard lock(port_->mutex());
    return claims_.configuration();
}

uint8_t WiredUsbDevice::AlternateSetting(uint8_t interface_number) {
    const std::lock_guard lock(port_->mutex());
    return claims_.AlternateSetting(interface_number);
}

void WiredUsbDevice::Submit(UsbSessionId session, std::unique_ptr<UsbTransfer> transfer) {
    std::unique_lock lock(port_->mutex());
    std::optional<UsbStatus> fault;
    if (!IsPresent()) {
        fault = UsbStatus::kRemoved;
    } else if ((quiet_endpoints_ & SetOf(transfer->endpoint)) != 0) {
        fault = UsbStatus::kAborted;
    } else {
        fault = FindUsbTransferFault(*transfer, claims_, session);
    }
    if (fault) {
        lock.unlock();
        transfer->OnComplete({.status = *fault});
        return;
    }
    port_->transfers().Submit(lock, std::move(transfer), shared_from_this(), session);
}

void WiredUsbDevice::Abort(UsbSessionId session, UsbEndpointAddress endpoint, uint16_t stream) {
    std::unique_lock lock(port_->mutex());
    port_->transfers().End(
        lock, {.group = this, .session = session, .endpoints = SetOf(endpoint), .stream = stream},
        UsbStatus::kAborted);
}

}  // namespace opendext::backends
