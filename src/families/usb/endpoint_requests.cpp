// SPDX-License-Identifier: Apache-2.0
#include "families/usb/endpoint_requests.h"

#include <algorithm>

#include "families/usb/usb_results.h"

namespace opendext::usb {

using backends::UsbStatus;

uint64_t EndpointRequests::Begin() {
    const std::scoped_lock lock(mutex_);
    outstanding_.push_back(++num_begun_);
    return num_begun_;
}

bool EndpointRequests::IsOutstanding(uint64_t number) const {
    return std::ranges::binary_search(outstanding_, number);
}

kern_return_t EndpointRequests::End(uint64_t number, UsbStatus status) {
    const std::scoped_lock lock(mutex_);
    const auto found = std::ranges::lower_bound(outstanding_, number);
    if (found != outstanding_.end() && *found == number) {
        outstanding_.erase(found);
    }
    changed_.notify_all();
    return status == UsbStatus::kAborted && number <= aborted_up_to_ ? abort_error_
                                                                     : ResultOf(status);
}

void EndpointRequests::Abort(kern_return_t error, bool waits) {
    uint64_t num_before = 0;
    {
        const std::scoped_lock lock(mutex_);
        num_before = num_begun_;
        aborted_up_to_ = num_begun_;
        abort_error_ = error;
    }
    backend_->Abort(endpoint_, stream_);
    if (waits) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock,
                      [&] { return outstanding_.empty() || outstanding_.front() > num_before; });
    }
}

void EndpointRequests::AbortIfMissed(uint64_t number) {
    {
        const std::scoped_lock lock(mutex_);
        if (number > aborted_up_to_ || !IsOutstanding(number)) {
            return;
        }
    }
    backend_->Abort(endpoint_, stream_);
}

}  // namespace opendext::usb
