// SPDX-License-Identifier: Apache-2.0
/// @file completion_messages.h
/// Invoking the actions that drivers pass with asynchronous requests. Any thread: a message is copied and queued on the
/// queue of the action's target, which is a driver's method.
#pragma once

#include <cstdint>
#include <span>

#include <DriverKit/IOReturn.h>
#include <DriverKit/OSAction.h>

namespace opendext::usb {

/// How a request has ended.
struct RequestEnd {
    kern_return_t result = kIOReturnSuccess;
    uint32_t num_bytes = 0;
};

/// IOUSBHostPipe::CompleteAsyncIO, now.
void SendAsyncIOEnd(OSAction *action, const RequestEnd &end);

/// IOUSBHostDevice::CompleteAsyncDeviceRequest.
void SendDeviceRequestEnd(OSAction *action, const RequestEnd &end);

/// IOUSBHostPipe::CompleteAsyncIsochIO.
void SendIsochEnd(OSAction *action, kern_return_t result);

/// IOUSBHostPipe::CompleteAsyncIOBundled: ring entries from `first_index` on; at most kIOUSBHostPipeBundlingMax.
void SendBundledEnd(OSAction *action, uint32_t first_index, std::span<const RequestEnd> ends);

}  // namespace opendext::usb
