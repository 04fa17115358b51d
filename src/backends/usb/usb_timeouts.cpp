// SPDX-License-Identifier: Apache-2.0
#include "backends/usb/usb_timeouts.h"

#include <system_error>

#include "base/blocked_signals.h"
#include "base/log.h"

namespace opendext::backends {

void UsbTimeouts::Add(std::mutex &mutex, UsbDeadline &deadline) {
    if (is_ending_ || deadline.is_watched) {
        return;
    }
    deadline.is_watched = true;
    deadlines_.emplace(deadline.at, &deadline);
    if (!thread_.joinable()) {
        StartThread(mutex);
    } else if (deadline.at < wakes_at_) {
        changed_.notify_one();
    }
}

void UsbTimeouts::StartThread(std::mutex &mutex) {
    try {
        const BlockedSignals blocked;
        thread_ = std::thread([this, &mutex] { Run(mutex); });
    } catch (const std::system_error &error) {
        // The next deadline tries again.
        LogError("USB port: no thread that watches timeouts: transfers do not time out: {}",
                 error.what());
    }
}

void UsbTimeouts::Remove(UsbDeadline &deadline) {
    if (deadline.is_watched) {
        deadline.is_watched = false;
        deadlines_.erase({deadline.at, &deadline});
    }
}

void UsbTimeouts::Stop(std::unique_lock<std::mutex> &lock) {
    is_ending_ = true;
    changed_.notify_one();
    lock.unlock();
    if (thread_.joinable()) {
        thread_.join();
    }
    lock.lock();
}

void UsbTimeouts::Run(std::mutex &mutex) {
    std::unique_lock lock(mutex);
    while (!is_ending_) {
        if (deadlines_.empty()) {
            wakes_at_ = TimePoint::max();
            changed_.wait(lock);
            continue;
        }
        const auto [at, deadline] = *deadlines_.begin();
        if (at > std::chrono::steady_clock::now()) {
            wakes_at_ = at;
            changed_.wait_until(lock, at);
            continue;
        }
        Remove(*deadline);
        on_due_(lock, *deadline);
    }
}

}  // namespace opendext::backends
