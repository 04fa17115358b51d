// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/property_value.h"
#include "channel/wire/device_seam.h"

namespace opendext::registry {

/// The properties of an IOUSBHostDevice, by the names that they have on the original. `location`: its locationID,
/// which the registry chooses.
[[nodiscard]] PropertyValue::Dictionary UsbDeviceProperties(const channel::UsbDeviceReport &device,
                                                            uint32_t location);

/// Those of an IOUSBHostInterface that tell of its setting.
[[nodiscard]] PropertyValue::Dictionary UsbSettingProperties(
    const channel::UsbInterfaceReport &setting);

/// Those of an IOUSBHostInterface of it.
[[nodiscard]] PropertyValue::Dictionary UsbInterfaceProperties(
    const channel::UsbDeviceReport &device, uint32_t location, uint8_t configuration,
    const channel::UsbInterfaceReport &interface);

}  // namespace opendext::registry
