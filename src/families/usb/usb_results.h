// SPDX-License-Identifier: Apache-2.0
/// @file usb_results.h
/// What backends say, in the family's own codes and constants.
#pragma once

#include <cstdint>

#include <DriverKit/IOReturn.h>

#include "backends/api/backend_error.h"
#include "backends/api/usb_types.h"

namespace opendext::usb {

/// How a request that was started has ended. One that the device's end has ended was aborted, as on the original.
[[nodiscard]] kern_return_t ResultOf(backends::UsbStatus status);

/// Why a call was refused.
[[nodiscard]] kern_return_t ResultOf(const backends::BackendError &error);

/// Whether a request that ends so was never started: then its caller is told, and it does not complete.
[[nodiscard]] bool IsRefusal(backends::UsbStatus status);

/// The result of such a request.
[[nodiscard]] kern_return_t RefusalOf(backends::UsbStatus status);

/// tIOUSBHostConnectionSpeed.
[[nodiscard]] uint8_t ConnectionSpeedOf(backends::UsbSpeed speed);

}  // namespace opendext::usb
