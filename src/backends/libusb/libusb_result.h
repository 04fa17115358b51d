// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include <libusb.h>

#include "backends/api/backend_error.h"
#include "backends/api/usb_types.h"

namespace opendext::backends {

/// How a transfer ended, of what libusb says when it is over.
[[nodiscard]] UsbStatus StatusOf(libusb_transfer_status status);

/// How a transfer ends that libusb refused to start: one of libusb's error codes, not success.
[[nodiscard]] UsbStatus StatusOfRefusal(int error);

/// What a call that talks to the device returns: `error` is 0 or one of libusb's codes. `what` begins the message:
/// "libusb:46f4:0001: interface 0: claim".
[[nodiscard]] BackendResult<void> ResultOf(int error, std::string_view what);

}  // namespace opendext::backends
