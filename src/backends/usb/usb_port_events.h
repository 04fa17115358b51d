// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "backends/api/usb_port.h"

namespace opendext::backends {

/// What happened at a port, told to its listener in order and one call at a time, by whichever thread comes first. Every
/// method wants the port's lock held, which is given up around the listener's calls.
class UsbPortEvents {
public:
    enum class Kind : uint8_t { kAttached, kDetached, kConfigured, kSettingSelected };

    struct Event {
        Kind kind = Kind::kAttached;
        UsbDeviceId device = UsbDeviceId::kNone;
        std::shared_ptr<const UsbDeviceIdentity> identity;  ///< kAttached, kSettingSelected.
        uint8_t configuration = 0;                          ///< kConfigured.
        bool publishes = false;                             ///< kConfigured.
        const UsbInterfaceSetting *setting = nullptr;       ///< kSettingSelected; of `identity`.
    };

    /// To be told by the next Deliver. With no listener, nobody ever is.
    void Post(Event event);

    /// Tells what was posted. Returns at once when another thread is at it, which then tells it.
    void Deliver(std::unique_lock<std::mutex> &lock);

    /// As Deliver, and returns when what was posted before has been told; within a call of the listener, as Deliver.
    void DeliverAndWait(std::unique_lock<std::mutex> &lock);

    /// Waits until no call is under way, then lets `listener` take over (or nobody). What was posted is dropped, and
    /// returned by `describe_now()` instead, which is called then.
    template <typename Function>
    void SetListener(std::unique_lock<std::mutex> &lock, UsbPortListener *listener,
                     Function describe_now) {
        changed_.wait(lock, [this] { return !is_delivering_; });
        listener_ = listener;
        num_told_ += posted_.size();
        posted_.clear();
        changed_.notify_all();
        if (listener_ != nullptr) {
            for (Event &event : describe_now()) {
                Post(std::move(event));
            }
            Deliver(lock);
        }
    }

private:
    static void Tell(UsbPortListener &listener, const Event &event);

    UsbPortListener *listener_ = nullptr;
    std::deque<Event> posted_;
    uint64_t num_told_ = 0;  // and those that nobody wanted to know
    bool is_delivering_ = false;
    std::thread::id teller_;  // while is_delivering_
    std::condition_variable changed_;
};

}  // namespace opendext::backends
