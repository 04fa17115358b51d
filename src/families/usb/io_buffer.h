// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <DriverKit/IOBufferMemoryDescriptor.h>
#include <DriverKit/IOTypes.h>

namespace opendext::usb {

/// As IOUSBHostDevice::CreateIOBuffer. Every buffer is used in place here, so it is as any other one.
kern_return_t CreateIOBuffer(IOOptionBits options, uint64_t capacity,
                             IOBufferMemoryDescriptor **buffer);

}  // namespace opendext::usb
