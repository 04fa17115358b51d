// SPDX-License-Identifier: Apache-2.0
// IOUSBHostPipe: the descriptor ring and bundled transfers; streams.
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "base/log.h"
#include "families/usb/bundled_requests.h"
#include "families/usb/usb_pipe_state.h"
#include "families/usb/usb_results.h"

using opendext::memory::Retained;
using opendext::usb::BundledEnds;
using opendext::usb::DescriptorRing;
using opendext::usb::EndpointRequests;

kern_return_t IMPL(IOUSBHostPipe, CreateMemoryDescriptorRing) {
    // More than any driver has buffers.
    constexpr uint32_t kMostEntries = 1 << 16;
    const std::scoped_lock lock(ivars->mutex);
    if (size == 0 || size > kMostEntries || ivars->ring != nullptr) {
        return kIOReturnBadArgument;
    }
    ivars->ring = std::make_unique<DescriptorRing>(size);
    return kIOReturnSuccess;
}

kern_return_t IMPL(IOUSBHostPipe, SetMemoryDescriptor) {
    Retained<IOMemoryDescriptor> replaced;
    const std::scoped_lock lock(ivars->mutex);
    if (ivars->ring == nullptr) {
        return kIOReturnNotReady;
    }
    auto set = ivars->ring->Set(memoryDescriptor, index);
    if (!set) {
        return set.error();
    }
    replaced = std::move(*set);
    return kIOReturnSuccess;
}

kern_return_t IMPL(IOUSBHostPipe, AsyncIOBundled) {
    uint32_t accepted = 0;
    uint32_t *const num_accepted =
        ioTransferAcceptedCount != nullptr ? ioTransferAcceptedCount : &accepted;
    *num_accepted = 0;
    if (completion == nullptr || dataBufferLengthArray == nullptr || ioTransferCount == 0 ||
        ioTransferCount > kIOUSBHostPipeBundlingMax ||
        dataBufferLengthArrayCount != static_cast<int>(ioTransferCount)) {
        return kIOReturnBadArgument;
    }
    if (const kern_return_t result = ivars->CheckData(); result != kIOReturnSuccess) {
        return result;
    }
    std::vector<Retained<IOMemoryDescriptor>> descriptors;
    std::shared_ptr<BundledEnds> ends;
    uint32_t ring_size = 0;
    {
        const std::scoped_lock lock(ivars->mutex);
        if (ivars->ring == nullptr || !ivars->ring->is_filled()) {
            return kIOReturnNotReady;
        }
        ring_size = ivars->ring->size();
        if (ioTransferIndex >= ring_size) {
            return kIOReturnBadArgument;
        }
        descriptors = ivars->ring->Copy(ioTransferIndex, ioTransferCount);
        ends = ivars->ring->ends();
    }
    return opendext::usb::StartBundle(ivars->requests,
                                      {.first_index = ioTransferIndex,
                                       .ring_size = ring_size,
                                       .lengths = {dataBufferLengthArray, ioTransferCount},
                                       .completion = completion,
                                       .timeout_ms = completionTimeoutMs},
                                      descriptors, ends, *num_accepted);
}

kern_return_t IMPL(IOUSBHostPipe, EnableStreams) {
    if (const kern_return_t result = ivars->validity->Check(); result != kIOReturnSuccess) {
        return result;
    }
    if (ivars->max_streams_log2 == 0) {
        return kIOReturnUnsupported;
    }
    // 16 bits name a stream; the last ones are reserved.
    constexpr uint32_t kMostStreams = 65533;
    const std::scoped_lock lock(ivars->streams_mutex);
    const uint32_t num_streams = std::min(uint32_t{1} << ivars->max_streams_log2, kMostStreams);
    EndpointRequests &requests = *ivars->requests;
    const auto done =
        requests.backend().SetStreams(requests.endpoint(), static_cast<uint16_t>(num_streams));
    if (!done) {
        opendext::LogWarning("USB endpoint {:#04x}: no streams: {}", requests.endpoint().value,
                             done.error().message);
        return done.error().code == opendext::backends::BackendErrorCode::kUnsupported
                   ? kIOReturnUnsupported
                   : opendext::usb::ResultOf(done.error());
    }
    if (ivars->validity->stream_time() == 0) {
        ivars->validity->BeginStreams();
    }
    return kIOReturnSuccess;
}

kern_return_t IMPL(IOUSBHostPipe, DisableStreams) {
    std::map<uint32_t, Retained<IOUSBHostStream>> dead;
    const std::scoped_lock lock(ivars->streams_mutex);
    if (const kern_return_t result = ivars->validity->Check(); result != kIOReturnSuccess) {
        return result;
    }
    if (ivars->validity->stream_time() == 0) {
        return kIOReturnNotReady;
    }
    ivars->validity->EndStreams();
    dead.swap(ivars->streams);
    EndpointRequests &requests = *ivars->requests;
    requests.backend().Abort(requests.endpoint(), 0);
    const auto done = requests.backend().SetStreams(requests.endpoint(), 0);
    return done ? kIOReturnSuccess : opendext::usb::ResultOf(done.error());
}

kern_return_t IMPL(IOUSBHostPipe, CopyStream) {
    *stream = nullptr;
    if (const kern_return_t result = ivars->validity->Check(); result != kIOReturnSuccess) {
        return result;
    }
    const std::scoped_lock lock(ivars->streams_mutex);
    if (ivars->validity->stream_time() == 0) {
        return kIOReturnNotReady;
    }
    if (streamID == 0 || streamID > uint32_t{1} << ivars->max_streams_log2 ||
        streamID > UINT16_MAX) {
        return kIOReturnBadArgument;
    }
    Retained<IOUSBHostStream> &known = ivars->streams[streamID];
    if (known == nullptr) {
        known = opendext::usb::MakeStream(ivars->validity, *ivars->requests,
                                          static_cast<uint16_t>(streamID));
    }
    *stream = opendext::memory::Retain(known.get()).release();
    return *stream != nullptr ? kIOReturnSuccess : kIOReturnNoMemory;
}
