// SPDX-License-Identifier: Apache-2.0
#include "families/usb/provider_factory.h"

#include <charconv>
#include <cstdint>
#include <optional>
#include <utility>

#include <USBDriverKit/IOUSBHostFamilyDefinitions.h>

#include "base/log.h"
#include "families/usb/entry_objects.h"
#include "families/usb/usb_device_state.h"
#include "families/usb/usb_interface_state.h"

namespace opendext::usb {

namespace {

std::optional<uint8_t> InterfaceNumberOf(std::string_view part) {
    uint8_t number = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), number);
    if (error != std::errc() || end != part.data() + part.size()) {
        return std::nullopt;
    }
    return number;
}

}  // namespace

IOService *MakeProvider(std::string_view class_name) {
    if (class_name == kIOUSBHostDeviceClassName) {
        return OSTypeAlloc(IOUSBHostDevice);
    }
    if (class_name == kIOUSBHostInterfaceClassName) {
        return OSTypeAlloc(IOUSBHostInterface);
    }
    return nullptr;
}

bool GiveDevice(IOService *provider, std::shared_ptr<backends::UsbBackend> backend,
                std::string_view part) {
    if (auto *device = OSDynamicCast(IOUSBHostDevice, provider)) {
        AttachSession(device, std::move(backend));
    } else if (auto *interface = OSDynamicCast(IOUSBHostInterface, provider)) {
        const std::optional<uint8_t> number = InterfaceNumberOf(part);
        if (!number) {
            LogError("USB: \"{}\" is no interface number", part);
            return false;
        }
        AttachSession(interface, std::move(backend), *number);
    } else {
        return false;
    }
    RememberObject(provider);
    return true;
}

}  // namespace opendext::usb
