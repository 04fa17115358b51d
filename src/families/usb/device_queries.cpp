// SPDX-License-Identifier: Apache-2.0
#include "families/usb/device_queries.h"

#include <USBDriverKit/IOUSBHostFamilyDefinitions.h>

#include "families/usb/usb_results.h"

namespace opendext::usb {

using backends::UsbBackend;

namespace {

// Whether there is a device to ask, and somewhere to put the answer.
kern_return_t Check(const UsbBackend *backend, const void *answer) {
    if (answer == nullptr) {
        return kIOReturnBadArgument;
    }
    return backend != nullptr && backend->IsPresent() ? kIOReturnSuccess : kIOReturnNoDevice;
}

}  // namespace

kern_return_t GetAddress(const UsbBackend *backend, uint8_t *address) {
    const kern_return_t result = Check(backend, address);
    if (result == kIOReturnSuccess) {
        *address = backend->Address();
    }
    return result;
}

kern_return_t GetSpeed(const UsbBackend *backend, uint8_t *speed) {
    const kern_return_t result = Check(backend, speed);
    if (result == kIOReturnSuccess) {
        *speed = ConnectionSpeedOf(backend->Speed());
    }
    return result;
}

kern_return_t GetFrameNumber(const UsbBackend *backend, uint64_t *frame_number, uint64_t *time) {
    const kern_return_t result = Check(backend, frame_number);
    if (result == kIOReturnSuccess) {
        const backends::UsbFrameTime frame = backend->CurrentFrame();
        *frame_number = frame.frame;
        if (time != nullptr) {
            *time = frame.mach_time;
        }
    }
    return result;
}

kern_return_t GetPortStatus(const UsbBackend *backend, uint32_t *port_status) {
    const kern_return_t result = Check(backend, port_status);
    if (result == kIOReturnSuccess) {
        *port_status = kIOUSBHostPortStatusPortTypeStandard | kIOUSBHostPortStatusEnabled |
                       (uint32_t{ConnectionSpeedOf(backend->Speed())}
                        << kIOUSBHostPortStatusConnectedSpeedPhase);
    }
    return result;
}

}  // namespace opendext::usb
