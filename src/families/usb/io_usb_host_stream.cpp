// SPDX-License-Identifier: Apache-2.0
// IOUSBHostStream.
#include <new>
#include <utility>

#include <USBDriverKit/USBDriverKitDefs.h>

#include "families/usb/usb_pipe_state.h"
#include "families/usb/usb_request.h"

using opendext::usb::EndpointRequests;
using opendext::usb::RequestEnd;

namespace opendext::usb {

memory::Retained<IOUSBHostStream> MakeStream(std::shared_ptr<const PipeValidity> validity,
                                             const EndpointRequests &pipe, uint16_t stream) {
    memory::Retained<IOUSBHostStream> made(OSTypeAlloc(IOUSBHostStream));
    if (made == nullptr || !made->init()) {
        return nullptr;
    }
    IOUSBHostStream_IVars &state = *made->ivars;
    state.stream_time = validity->stream_time();
    state.requests = std::make_shared<EndpointRequests>(validity->session().backend(),
                                                        pipe.endpoint(), pipe.type(), stream);
    state.validity = std::move(validity);
    return made;
}

}  // namespace opendext::usb

kern_return_t IOUSBHostStream_IVars::Check() const {
    const kern_return_t result = validity->Check();
    return result == kIOReturnSuccess && validity->stream_time() != stream_time ? kIOReturnNotOpen
                                                                                : result;
}

bool IOUSBHostStream::init() {
    if (!super::init()) {
        return false;
    }
    ivars = new (std::nothrow) IOUSBHostStream_IVars;
    return ivars != nullptr;
}

void IOUSBHostStream::free() {
    delete std::exchange(ivars, nullptr);
    super::free();
}

kern_return_t IMPL(IOUSBHostStream, GetStreamID) {
    if (streamID == nullptr) {
        return kIOReturnBadArgument;
    }
    *streamID = ivars->requests->stream();
    return kIOReturnSuccess;
}

kern_return_t IMPL(IOUSBHostStream, AsyncIO) {
    if (completionTimeoutMs != 0) {
        return kIOReturnBadArgument;
    }
    const kern_return_t result = ivars->Check();
    return result != kIOReturnSuccess
               ? result
               : opendext::usb::StartData(ivars->requests, {dataBuffer, dataBufferLength, 0},
                                          completion);
}

kern_return_t IMPL(IOUSBHostStream, IO) {
    RequestEnd end{.result = completionTimeoutMs != 0 ? kIOReturnBadArgument : ivars->Check()};
    if (end.result == kIOReturnSuccess) {
        end = opendext::usb::CallData(ivars->requests, {dataBuffer, dataBufferLength, 0});
    }
    if (bytesTransferred != nullptr) {
        *bytesTransferred = end.num_bytes;
    }
    return end.result;
}

kern_return_t IMPL(IOUSBHostStream, Abort) {
    static_cast<void>(forClient);
    const kern_return_t result = ivars->Check();
    if (result == kIOReturnSuccess) {
        ivars->requests->Abort(withError, (options & kIOUSBAbortSynchronous) != 0);
    }
    return result;
}
