// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <string>

#include "backends/emulated/usb_description.h"
#include "backends/recorded/captured_transfers.h"

namespace opendext::backends {

/// Rebuilds what a device is from the replies to GET_DESCRIPTOR in a capture. @return in one line what is missing or
/// broken: a capture of a device that had been plugged in before does not have its descriptors. Pure.
///
/// The speed is the recorder's note, or is concluded: SuperSpeed from bcdUSB, high speed from an endpoint that no other
/// speed has, low speed from a device whose packets have 8 bytes, else full speed.
[[nodiscard]] std::expected<UsbDescription, std::string> DescribeCapturedDevice(
    const CapturedDevice &device);

}  // namespace opendext::backends
