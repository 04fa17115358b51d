// SPDX-License-Identifier: Apache-2.0
/// @file completion_log.h
/// What has completed at a UsbTestDriver.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

#include <DriverKit/IOReturn.h>

#include "UsbTestDriver.h"

namespace opendext::usb {

/// Any thread.
class CompletionLog {
public:
    struct Ended {
        const OSAction *action = nullptr;
        kern_return_t status = kIOReturnSuccess;
        uint32_t num_bytes = 0;
        uint64_t time = 0;
        uint32_t index = 0;  ///< Of a ring's entry.
        uint32_t count = 1;  ///< Entries in the message that it came with.
    };

    void Add(const Ended &ended) {
        {
            const std::scoped_lock lock(mutex_);
            ended_.push_back(ended);
            changed_.notify_all();
        }
        if (then) {
            then(ended);
        }
    }
    /// Waits until `count` have completed.
    std::vector<Ended> WaitFor(size_t count) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return ended_.size() >= count; });
        return ended_;
    }
    [[nodiscard]] size_t size() {
        const std::scoped_lock lock(mutex_);
        return ended_.size();
    }

    /// Runs in the driver's completion, after it has been written down. Set before anything is submitted.
    std::function<void(const Ended &)> then;

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<Ended> ended_;  // guarded by mutex_
};

}  // namespace opendext::usb

struct UsbTestDriver_IVars {
    opendext::usb::CompletionLog log;
};
