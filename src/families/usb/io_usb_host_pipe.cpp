// SPDX-License-Identifier: Apache-2.0
// IOUSBHostPipe: transfers, stalls, policies (semantics.md 8).
#include <new>
#include <utility>

#include <USBDriverKit/AppleUSBDescriptorParsing.h>
#include <USBDriverKit/USBDriverKitDefs.h>

#include "base/log.h"
#include "families/usb/descriptor_copies.h"
#include "families/usb/device_queries.h"
#include "families/usb/isochronous_request.h"
#include "families/usb/usb_pipe_state.h"
#include "families/usb/usb_request.h"
#include "families/usb/usb_results.h"

using opendext::backends::UsbTransferType;
using opendext::usb::EndpointRequests;
using opendext::usb::RequestEnd;

namespace opendext::usb {

memory::Retained<IOUSBHostPipe> MakePipe(const std::shared_ptr<const InterfaceSession> &session,
                                         const backends::UsbEndpoint &endpoint) {
    memory::Retained<IOUSBHostPipe> pipe(OSTypeAlloc(IOUSBHostPipe));
    if (pipe == nullptr || !pipe->init()) {
        return nullptr;
    }
    IOUSBHostPipe_IVars &state = *pipe->ivars;
    state.validity = std::make_shared<PipeValidity>(session);
    state.requests =
        std::make_shared<EndpointRequests>(session->backend(), endpoint.address, endpoint.type);
    state.max_streams_log2 = endpoint.max_streams_log2;
    const backends::UsbBackend &backend = *session->backend();
    if (const backends::UsbConfiguration *configuration =
            backend.Descriptors().FindConfiguration(backend.Configuration())) {
        state.original = EndpointDescriptors(backend.Descriptors(), *configuration, endpoint);
    }
    state.policy = state.original;
    return pipe;
}

namespace {

bool IsData(UsbTransferType type) {
    return type == UsbTransferType::kBulk || type == UsbTransferType::kInterrupt;
}

bool IsPeriodic(UsbTransferType type) {
    return type == UsbTransferType::kInterrupt || type == UsbTransferType::kIsochronous;
}

// Whether `wanted` takes no more of the bus than `original`, of the same endpoint.
bool IsWithin(uint32_t speed, const IOUSBStandardEndpointDescriptors &wanted,
              const IOUSBStandardEndpointDescriptors &original) {
    const auto burst = [speed](const IOUSBStandardEndpointDescriptors &of) {
        return IOUSBGetEndpointBurstSize(speed, &of.descriptor, &of.ssCompanionDescriptor,
                                         &of.sspCompanionDescriptor);
    };
    return wanted.descriptor.bEndpointAddress == original.descriptor.bEndpointAddress &&
           wanted.descriptor.bmAttributes == original.descriptor.bmAttributes &&
           burst(wanted) <= burst(original) &&
           wanted.descriptor.bInterval >= original.descriptor.bInterval;
}

}  // namespace
}  // namespace opendext::usb

kern_return_t IOUSBHostPipe_IVars::CheckData() const {
    if (!opendext::usb::IsData(requests->type())) {
        return kIOReturnBadArgument;
    }
    if (const kern_return_t result = validity->Check(); result != kIOReturnSuccess) {
        return result;
    }
    return validity->stream_time() == 0 ? kIOReturnSuccess : kIOReturnUnsupportedMode;
}

bool IOUSBHostPipe::init() {
    if (!super::init()) {
        return false;
    }
    ivars = new (std::nothrow) IOUSBHostPipe_IVars;
    return ivars != nullptr;
}

void IOUSBHostPipe::free() {
    delete std::exchange(ivars, nullptr);
    super::free();
}

kern_return_t IMPL(IOUSBHostPipe, GetSpeed) {
    return opendext::usb::GetSpeed(&ivars->requests->backend(), speed);
}

kern_return_t IMPL(IOUSBHostPipe, GetDeviceAddress) {
    return opendext::usb::GetAddress(&ivars->requests->backend(), address);
}

kern_return_t IMPL(IOUSBHostPipe, Abort) {
    static_cast<void>(forClient);
    if (const kern_return_t result = ivars->validity->Check(); result != kIOReturnSuccess) {
        return result;
    }
    ivars->requests->Abort(withError, (options & kIOUSBAbortSynchronous) != 0);
    return kIOReturnSuccess;
}

kern_return_t IMPL(IOUSBHostPipe, AdjustPipe) {
    if (descriptors == nullptr) {
        return kIOReturnBadArgument;
    }
    if (const kern_return_t result = ivars->validity->Check(); result != kIOReturnSuccess) {
        return result;
    }
    if (!opendext::usb::IsPeriodic(ivars->requests->type())) {
        return kIOReturnUnsupported;
    }
    const uint8_t speed = opendext::usb::ConnectionSpeedOf(ivars->requests->backend().Speed());
    if (!opendext::usb::IsWithin(speed, *descriptors, ivars->original)) {
        return kIOReturnBadArgument;
    }
    const std::scoped_lock lock(ivars->mutex);
    ivars->policy = *descriptors;
    return kIOReturnSuccess;
}

kern_return_t IMPL(IOUSBHostPipe, GetDescriptors) {
    if (descriptors == nullptr || (type != kIOUSBGetEndpointDescriptorOriginal &&
                                   type != kIOUSBGetEndpointDescriptorCurrentPolicy)) {
        return kIOReturnBadArgument;
    }
    const std::scoped_lock lock(ivars->mutex);
    *descriptors = type == kIOUSBGetEndpointDescriptorOriginal ? ivars->original : ivars->policy;
    return kIOReturnSuccess;
}

kern_return_t IMPL(IOUSBHostPipe, SetIdlePolicy) {
    ivars->idle_timeout_ms = idleTimeoutMs;
    return kIOReturnSuccess;
}

kern_return_t IMPL(IOUSBHostPipe, GetIdlePolicy) {
    if (idleTimeoutMS == nullptr) {
        return kIOReturnBadArgument;
    }
    *idleTimeoutMS = ivars->idle_timeout_ms;
    return kIOReturnSuccess;
}

kern_return_t IMPL(IOUSBHostPipe, ClearStall) {
    if (const kern_return_t result = ivars->validity->Check(); result != kIOReturnSuccess) {
        return result;
    }
    EndpointRequests &requests = *ivars->requests;
    requests.Abort(kIOReturnAborted, false);
    const auto done = requests.backend().ClearHalt(requests.endpoint(), withRequest);
    if (!done) {
        opendext::LogWarning("USB endpoint {:#04x}: its stall was not cleared: {}",
                             requests.endpoint().value, done.error().message);
        return opendext::usb::ResultOf(done.error());
    }
    return kIOReturnSuccess;
}

kern_return_t IMPL(IOUSBHostPipe, AsyncIO) {
    const kern_return_t result = ivars->CheckData();
    return result != kIOReturnSuccess
               ? result
               : opendext::usb::StartData(ivars->requests,
                                          {dataBuffer, dataBufferLength, completionTimeoutMs},
                                          completion);
}

kern_return_t IMPL(IOUSBHostPipe, IO) {
    RequestEnd end{.result = ivars->CheckData()};
    if (end.result == kIOReturnSuccess) {
        end = opendext::usb::CallData(ivars->requests,
                                      {dataBuffer, dataBufferLength, completionTimeoutMs});
    }
    if (bytesTransferred != nullptr) {
        *bytesTransferred = end.num_bytes;
    }
    return end.result;
}

kern_return_t IMPL(IOUSBHostPipe, IsochIO) {
    if (ivars->requests->type() != UsbTransferType::kIsochronous) {
        return kIOReturnBadArgument;
    }
    const kern_return_t result = ivars->validity->Check();
    return result != kIOReturnSuccess
               ? result
               : opendext::usb::SendIsochronous(
                     ivars->requests, {dataBuffer, frameList, firstFrameNumber, completion});
}
