// SPDX-License-Identifier: Apache-2.0
#include "backends/usb/usb_port_events.h"

#include <utility>

namespace opendext::backends {

void UsbPortEvents::Post(Event event) {
    if (listener_ != nullptr) {
        posted_.push_back(std::move(event));
    }
}

void UsbPortEvents::Deliver(std::unique_lock<std::mutex> &lock) {
    if (is_delivering_) {
        return;
    }
    is_delivering_ = true;
    teller_ = std::this_thread::get_id();
    while (!posted_.empty()) {
        const Event event = std::move(posted_.front());
        posted_.pop_front();
        UsbPortListener &listener = *listener_;
        lock.unlock();
        Tell(listener, event);
        lock.lock();
        ++num_told_;
        changed_.notify_all();
    }
    is_delivering_ = false;
    teller_ = {};
    changed_.notify_all();
}

void UsbPortEvents::DeliverAndWait(std::unique_lock<std::mutex> &lock) {
    const uint64_t num_posted = num_told_ + (is_delivering_ ? 1 : 0) + posted_.size();
    Deliver(lock);
    if (teller_ != std::this_thread::get_id()) {
        changed_.wait(lock, [&] { return num_told_ >= num_posted; });
    }
}

void UsbPortEvents::Tell(UsbPortListener &listener, const Event &event) {
    switch (event.kind) {
        case Kind::kAttached:
            return listener.OnAttached(*event.identity);
        case Kind::kDetached:
            return listener.OnDetached(event.device);
        case Kind::kConfigured:
            return listener.OnConfigured(event.device, event.configuration, event.publishes);
        case Kind::kSettingSelected:
            return listener.OnSettingSelected(*event.identity, *event.setting);
    }
}

}  // namespace opendext::backends
