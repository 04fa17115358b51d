// SPDX-License-Identifier: Apache-2.0
/// @file provider_factory.h
/// The provider objects of this family, by kernel class name.
#pragma once

#include <memory>
#include <string_view>

#include "backends/api/usb_backend.h"

class IOService;

namespace opendext::usb {

/// An object that is neither attached to the registry nor initialised, +1. NULL for a class that is not of this family,
/// and when memory is short.
[[nodiscard]] IOService *MakeProvider(std::string_view class_name);

/// After AttachToRegistry and init: gives the object its session with the device. @param part the number of an interface,
/// in decimal; of no meaning for a device.
/// @return false when the object's class is not of this family, or `part` is no number of an interface.
[[nodiscard]] bool GiveDevice(IOService *provider, std::shared_ptr<backends::UsbBackend> backend,
                              std::string_view part);

}  // namespace opendext::usb
