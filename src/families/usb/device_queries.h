// SPDX-License-Identifier: Apache-2.0
/// @file device_queries.h
/// What devices, interfaces and pipes can all be asked of their device, as it is known on this side of the bus.
#pragma once

#include <cstdint>

#include <DriverKit/IOReturn.h>

#include "backends/api/usb_backend.h"

namespace opendext::usb {

/// @{ As the methods of IOUSBHostDevice. `backend` may be NULL.
/// @return kIOReturnBadArgument for NULL, kIOReturnNoDevice.
kern_return_t GetAddress(const backends::UsbBackend *backend, uint8_t *address);
kern_return_t GetSpeed(const backends::UsbBackend *backend, uint8_t *speed);
kern_return_t GetFrameNumber(const backends::UsbBackend *backend, uint64_t *frame_number,
                             uint64_t *time);
kern_return_t GetPortStatus(const backends::UsbBackend *backend, uint32_t *port_status);
/// @}

}  // namespace opendext::usb
