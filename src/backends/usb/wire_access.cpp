// SPDX-License-Identifier: Apache-2.0
#include "backends/usb/wire_access.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/log.h"

namespace opendext::backends {
namespace {

// A device that is gone keeps nobody; a call that takes longer is a mistake of the wire.
constexpr std::chrono::seconds kLongestCall{2};

}  // namespace

bool WireAccess::Start(std::unique_lock<std::mutex> &lock, UsbTransfer &transfer) {
    if (!is_open_) {
        return false;
    }
    CallDevice(lock, [&transfer](UsbWire &wire) { wire.Start(transfer); });
    return true;
}

void WireAccess::EndDeviceCall() {
    const auto mine = std::ranges::find(device_callers_, std::this_thread::get_id());
    *mine = device_callers_.back();
    device_callers_.pop_back();
    if (num_device_call_waiters_ != 0) {
        changed_.notify_all();
    }
}

bool WireAccess::OthersCallDevice() const {
    return std::ranges::any_of(device_callers_, [](std::thread::id caller) {
        return caller != std::this_thread::get_id();
    });
}

void WireAccess::WaitForDeviceCalls(std::unique_lock<std::mutex> &lock) {
    ++num_device_call_waiters_;
    if (!changed_.wait_for(lock, kLongestCall, [this] { return !OthersCallDevice(); })) {
        LogWarning("USB port: a call of the wire takes longer than {} s after the device has gone",
                   kLongestCall.count());
    }
    --num_device_call_waiters_;
}

void WireAccess::Close(std::unique_lock<std::mutex> &lock) {
    is_open_ = false;
    changed_.wait(lock, [this] { return num_calls_ == 0; });
    lock.unlock();
    wire_->End();
    lock.lock();
}

void WireTurns::Post(std::unique_lock<std::mutex> &lock, Errand errand) {
    errands_.push_back(std::move(errand));
    if (!is_taken_) {
        is_taken_ = true;
        Give(lock);
    }
}

void WireTurns::Give(std::unique_lock<std::mutex> &lock) {
    while (!errands_.empty()) {
        const Errand errand = std::move(errands_.front());
        errands_.pop_front();
        errand(lock);
    }
    is_taken_ = false;
    free_.notify_one();
}

}  // namespace opendext::backends
