// SPDX-License-Identifier: Apache-2.0
/// @file endpoint_requests.h
/// The requests of one object to one endpoint.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>

#include <DriverKit/IOReturn.h>

#include "backends/api/usb_backend.h"

namespace opendext::usb {

/// Where an object's requests go, and with what an abort ends them. Shared by the object and the requests that are out,
/// which may outlive it. Any thread.
class EndpointRequests {
public:
    /// `stream` 0: the endpoint has no streams.
    EndpointRequests(std::shared_ptr<backends::UsbBackend> backend,
                     backends::UsbEndpointAddress endpoint, backends::UsbTransferType type,
                     uint16_t stream = 0)
        : backend_(std::move(backend)), endpoint_(endpoint), type_(type), stream_(stream) {}
    EndpointRequests(const EndpointRequests &) = delete;
    EndpointRequests &operator=(const EndpointRequests &) = delete;

    [[nodiscard]] backends::UsbBackend &backend() const { return *backend_; }
    [[nodiscard]] backends::UsbEndpointAddress endpoint() const { return endpoint_; }
    [[nodiscard]] backends::UsbTransferType type() const { return type_; }
    [[nodiscard]] uint16_t stream() const { return stream_; }

    /// A request is about to be submitted. @return its number, for End.
    [[nodiscard]] uint64_t Begin();

    /// It has ended so. @return the result for its driver: an abort's own error, if an abort has ended it.
    kern_return_t End(uint64_t number, backends::UsbStatus status);

    /// Ends all that are out with `error`, or as they end by themselves.
    /// @param waits return when they have ended; not to be called from a completion.
    void Abort(kern_return_t error, bool waits);

    /// After a request was submitted: an Abort between Begin and there has not seen it, and is made up for.
    void AbortIfMissed(uint64_t number);

private:
    [[nodiscard]] bool IsOutstanding(uint64_t number) const;

    const std::shared_ptr<backends::UsbBackend> backend_;
    const backends::UsbEndpointAddress endpoint_;
    const backends::UsbTransferType type_;
    const uint16_t stream_;

    std::mutex mutex_;
    std::condition_variable changed_;
    uint64_t num_begun_ = 0;                        // guarded by mutex_
    std::deque<uint64_t> outstanding_;              // guarded by mutex_; ascending
    uint64_t aborted_up_to_ = 0;                    // guarded by mutex_; a request's number
    kern_return_t abort_error_ = kIOReturnAborted;  // guarded by mutex_; of those requests
};

}  // namespace opendext::usb
