// SPDX-License-Identifier: Apache-2.0
/// @file usb_pipe_state.h
/// What stands behind an IOUSBHostPipe and an IOUSBHostStream.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include <USBDriverKit/IOUSBHostPipe.h>
#include <USBDriverKit/IOUSBHostStream.h>

#include "backends/api/usb_descriptors.h"
#include "families/usb/bundled_requests.h"
#include "families/usb/endpoint_requests.h"
#include "families/usb/interface_session.h"
#include "runtime/memory/retained.h"

namespace opendext::usb {

/// Whether requests of a pipe, or of one time with streams, may still be made. Shared by a pipe and its streams.
class PipeValidity {
public:
    /// For the interface's generation of now.
    explicit PipeValidity(std::shared_ptr<const InterfaceSession> session)
        : session_(std::move(session)), generation_(session_->current()) {}

    [[nodiscard]] const InterfaceSession &session() const { return *session_; }
    /// As InterfaceSession::Check.
    [[nodiscard]] kern_return_t Check() const { return session_->Check(generation_); }

    /// 0: the pipe has no streams; else names the time that it has had them.
    [[nodiscard]] uint64_t stream_time() const { return stream_time_; }
    /// Called by the pipe alone, one call at a time.
    void BeginStreams() { stream_time_ = ++last_stream_time_; }
    void EndStreams() { stream_time_ = 0; }

private:
    const std::shared_ptr<const InterfaceSession> session_;
    const PipeGeneration generation_;
    std::atomic<uint64_t> stream_time_ = 0;
    uint64_t last_stream_time_ = 0;
};

/// A pipe to an endpoint of the session's interface; NULL when memory is short.
[[nodiscard]] memory::Retained<IOUSBHostPipe> MakePipe(
    const std::shared_ptr<const InterfaceSession> &session, const backends::UsbEndpoint &endpoint);

/// A stream of an endpoint; NULL when memory is short.
[[nodiscard]] memory::Retained<IOUSBHostStream> MakeStream(
    std::shared_ptr<const PipeValidity> validity, const EndpointRequests &pipe, uint16_t stream);

}  // namespace opendext::usb

/// Storage behind IOUSBHostPipe::ivars.
struct IOUSBHostPipe_IVars {
    // Fixed by MakePipe.
    std::shared_ptr<opendext::usb::PipeValidity> validity;
    std::shared_ptr<opendext::usb::EndpointRequests> requests;
    uint8_t max_streams_log2 = 0;
    IOUSBStandardEndpointDescriptors original{};

    std::atomic<uint32_t> idle_timeout_ms = 0;

    std::mutex mutex;
    IOUSBStandardEndpointDescriptors policy{};            // guarded by mutex
    std::unique_ptr<opendext::usb::DescriptorRing> ring;  // guarded by mutex; made once

    /// Held while streams come and go. Not while driver code runs.
    std::mutex streams_mutex;
    std::map<uint32_t, opendext::memory::Retained<IOUSBHostStream>>
        streams;  // guarded by streams_mutex

    /// Whether a request without a stream of this type may be made.
    [[nodiscard]] kern_return_t CheckData() const;
};

/// Storage behind IOUSBHostStream::ivars. Fixed by MakeStream.
struct IOUSBHostStream_IVars {
    std::shared_ptr<const opendext::usb::PipeValidity> validity;
    uint64_t stream_time = 0;
    std::shared_ptr<opendext::usb::EndpointRequests> requests;

    [[nodiscard]] kern_return_t Check() const;
};
