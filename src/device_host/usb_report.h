// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "backends/api/usb_port.h"
#include "channel/wire/device_seam.h"

namespace opendext::device_host {

/// What the registry is to know of a setting of `device`.
[[nodiscard]] channel::UsbInterfaceReport ReportOf(const backends::UsbInterfaceSetting &setting,
                                                   const backends::UsbDeviceIdentity &device);

/// What the registry is to know of a device.
[[nodiscard]] channel::UsbDeviceReport ReportOf(const backends::UsbDeviceIdentity &device);

}  // namespace opendext::device_host
