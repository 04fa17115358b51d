// SPDX-License-Identifier: Apache-2.0
/// @file isochronous_request.h
/// IOUSBHostPipe::IsochIO.
#pragma once

#include <cstdint>
#include <memory>

#include <DriverKit/IOMemoryDescriptor.h>
#include <DriverKit/OSAction.h>

#include "families/usb/endpoint_requests.h"

namespace opendext::usb {

/// The arguments of IsochIO.
struct IsochronousArguments {
    IOMemoryDescriptor *memory = nullptr;
    IOMemoryDescriptor *frame_list = nullptr;
    uint64_t first_frame = 0;
    OSAction *completion = nullptr;  ///< NULL: wait for the end.
};

/// Reads the frame list, starts the transfer and, without a completion, waits for it. The frame list is written before
/// anybody is told of the end.
[[nodiscard]] kern_return_t SendIsochronous(const std::shared_ptr<EndpointRequests> &requests,
                                            const IsochronousArguments &arguments);

}  // namespace opendext::usb
