// SPDX-License-Identifier: Apache-2.0
#include "backends/usb/usb_port_state.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "backends/usb/wired_usb_device.h"
#include "base/log.h"

namespace opendext::backends {

void UsbPortState::End() {
    std::unique_lock lock(mutex());
    is_ended_ = true;
    next_.reset();
    if (const auto device = current_) {
        device->Detach(lock);
    }
    wire_.Close(lock);
    transfers_.EndLeftovers(lock);
    gone_.wait(lock, [this] { return current_ == nullptr; });
    events_.SetListener(lock, nullptr, [this] { return DescribeNow(); });
    transfers_.StopTimeouts(lock);
    lock.unlock();
    wire_.Destroy();
}

void UsbPortState::SetListener(UsbPortListener *listener) {
    std::unique_lock lock(mutex());
    events_.SetListener(lock, listener, [this] { return DescribeNow(); });
}

std::shared_ptr<WiredUsbDevice> UsbPortState::Find(UsbDeviceId id) {
    const std::lock_guard lock(mutex());
    return current_ != nullptr && current_->identity().id == id && current_->IsPresent() ? current_
                                                                                         : nullptr;
}

void UsbPortState::OnAttached(UsbAttachment attachment) {
    std::unique_lock lock(mutex());
    if (is_ended_) {
        return;
    }
    if (current_ == nullptr) {
        Attach(std::move(attachment));
        return events_.Deliver(lock);
    }
    next_ = std::move(attachment);
    if (current_->IsPresent()) {
        LogWarning("USB port: the wire attached a device beside another one");
        const auto device = current_;
        device->Detach(lock);
    }
}

void UsbPortState::OnDetached() {
    std::unique_lock lock(mutex());
    next_.reset();
    if (const auto device = current_) {
        device->Detach(lock);
    }
}

void UsbPortState::OnDeviceGone(std::unique_lock<std::mutex> &lock) {
    events_.Post({.kind = UsbPortEvents::Kind::kDetached, .device = current_->identity().id});
    current_.reset();
    if (next_) {
        Attach(*std::exchange(next_, std::nullopt));
    }
    events_.Deliver(lock);
    gone_.notify_all();
}

void UsbPortState::Attach(UsbAttachment attachment) {
    const uint8_t configuration = attachment.configuration;
    UsbDeviceIdentity identity{.id = static_cast<UsbDeviceId>(++last_device_id_),
                               .speed = attachment.speed,
                               .address = attachment.address,
                               .location = attachment.location,
                               .descriptors = std::move(attachment.descriptors),
                               .manufacturer = std::move(attachment.manufacturer),
                               .product = std::move(attachment.product),
                               .serial = std::move(attachment.serial),
                               .interface_names = std::move(attachment.interface_names)};
    current_ =
        std::make_shared<WiredUsbDevice>(shared_from_this(), std::move(identity), configuration);
    for (UsbPortEvents::Event &event : DescribeNow()) {
        events_.Post(std::move(event));
    }
}

std::vector<UsbPortEvents::Event> UsbPortState::DescribeNow() const {
    std::vector<UsbPortEvents::Event> events;
    if (current_ != nullptr && current_->IsPresent()) {
        events.push_back({.kind = UsbPortEvents::Kind::kAttached,
                          .device = current_->identity().id,
                          .identity = current_->shared_identity()});
        if (current_->claims().configuration() != 0) {
            events.push_back(current_->ConfiguredEvent());
            std::ranges::move(current_->SettingEvents(), std::back_inserter(events));
        }
    }
    return events;
}

}  // namespace opendext::backends
