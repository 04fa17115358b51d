// SPDX-License-Identifier: Apache-2.0
/// @file provider_factory.h
/// The provider objects of this family, by kernel class name.
#pragma once

#include <memory>
#include <string_view>

#include "backends/api/pci_backend.h"

class IOService;

namespace opendext::pci {

/// An object that is neither attached to the registry nor initialised: IOPCIDevice for "IOPCIDevice", a plain
/// IOService for every other kernel class. +1; NULL when memory is short.
[[nodiscard]] IOService *MakeProvider(std::string_view class_name);

/// After init: gives the object its device. @return false when the class has no devices of this kind.
[[nodiscard]] bool GiveDevice(IOService *provider, std::shared_ptr<backends::PciBackend> backend);

}  // namespace opendext::pci
