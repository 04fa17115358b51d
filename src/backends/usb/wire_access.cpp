// SPDX-License-Identifier: Apache-2.0
#include "backends/usb/wire_access.h"

#include <chrono>
#include <utility>

#include "base/log.h"

namespace opendext::backends {
namespace {

// Starting a transfer does not wait for the device; one that takes longer is a mistake of the wire.
constexpr std::chrono::seconds kLongestStart{2};

// How many Starts this thread is in: a wire may notice within one that the device is gone.
thread_local size_t t_num_starts = 0;

}  // namespace

bool WireAccess::Start(std::unique_lock<std::mutex> &lock, UsbTransfer &transfer) {
    if (!is_open_) {
        return false;
    }
    ++num_starts_;
    ++t_num_starts;
    Call(lock, [&transfer](UsbWire &wire) { wire.Start(transfer); });
    --t_num_starts;
    --num_starts_;
    if (num_start_waiters_ != 0) {
        changed_.notify_all();
    }
    return true;
}

void WireAccess::WaitForStarts(std::unique_lock<std::mutex> &lock) {
    ++num_start_waiters_;
    if (!changed_.wait_for(lock, kLongestStart, [this] { return num_starts_ <= t_num_starts; })) {
        LogWarning("USB port: the wire takes longer than {} s to start a transfer",
                   kLongestStart.count());
    }
    --num_start_waiters_;
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
