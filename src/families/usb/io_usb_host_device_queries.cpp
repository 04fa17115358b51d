// SPDX-License-Identifier: Apache-2.0
// IOUSBHostDevice: descriptors, and what is known of the device without asking it.
#include <algorithm>
#include <cstring>
#include <span>

#include "families/usb/descriptor_copies.h"
#include "families/usb/device_queries.h"
#include "families/usb/usb_device_state.h"

using opendext::backends::UsbBackend;
using opendext::backends::UsbConfiguration;
using opendext::usb::BytesOf;
using opendext::usb::CopyForDriver;

namespace {

// The descriptors of the device; NULL when it is gone.
const opendext::backends::UsbDescriptors *DescriptorsOf(const IOUSBHostDevice_IVars &state) {
    return state.backend != nullptr && state.backend->IsPresent() ? &state.backend->Descriptors()
                                                                  : nullptr;
}

const UsbConfiguration *ConfigurationAt(const opendext::backends::UsbDescriptors &descriptors,
                                        size_t index) {
    return index < descriptors.configurations.size() ? &descriptors.configurations[index] : nullptr;
}

// A standard descriptor that was read when the device was attached; empty for another one.
std::span<const std::byte> KnownDescriptor(const opendext::backends::UsbDescriptors &descriptors,
                                           uint8_t type, uint8_t index) {
    switch (type) {
        case kIOUSBDescriptorTypeDevice:
            return descriptors.device_bytes;
        case kIOUSBDescriptorTypeConfiguration:
            return BytesOf(ConfigurationAt(descriptors, index));
        case kIOUSBDescriptorTypeBOS:
            return descriptors.capabilities;
        default:
            return {};
    }
}

bool IsKnownType(uint8_t type) {
    return type == kIOUSBDescriptorTypeDevice || type == kIOUSBDescriptorTypeConfiguration ||
           type == kIOUSBDescriptorTypeBOS;
}

}  // namespace

kern_return_t IOUSBHostDevice::CopyDescriptor(uint8_t type, uint16_t *length, uint8_t index,
                                              uint16_t languageID, uint8_t requestType,
                                              uint8_t requestRecipient, uint8_t *descriptor) {
    if (length == nullptr || descriptor == nullptr || *length == 0) {
        return kIOReturnBadArgument;
    }
    const auto *descriptors = DescriptorsOf(*ivars);
    if (descriptors == nullptr) {
        return kIOReturnNoDevice;
    }
    const std::span<std::byte> room(reinterpret_cast<std::byte *>(descriptor), *length);
    size_t num_bytes = 0;
    if (requestType == kIOUSBDeviceRequestTypeValueStandard &&
        requestRecipient == kIOUSBDeviceRequestRecipientValueDevice && IsKnownType(type)) {
        const std::span<const std::byte> known = KnownDescriptor(*descriptors, type, index);
        if (known.empty()) {
            *length = 0;
            return kIOReturnNotFound;
        }
        num_bytes = std::min(known.size(), room.size());
        std::memcpy(room.data(), known.data(), num_bytes);
        *length = static_cast<uint16_t>(num_bytes);
        return kIOReturnSuccess;
    }
    const kern_return_t result = opendext::usb::FetchDescriptor(
        ivars->control, {type, index, languageID, requestType, requestRecipient}, room, num_bytes);
    *length = static_cast<uint16_t>(num_bytes);
    return result;
}

const IOUSBDeviceDescriptor *IOUSBHostDevice::CopyDeviceDescriptor() {
    const auto *descriptors = DescriptorsOf(*ivars);
    return descriptors != nullptr ? CopyForDriver<IOUSBDeviceDescriptor>(descriptors->device_bytes)
                                  : nullptr;
}

const IOUSBConfigurationDescriptor *IOUSBHostDevice::CopyConfigurationDescriptor(uint8_t index) {
    const auto *descriptors = DescriptorsOf(*ivars);
    return descriptors != nullptr ? CopyForDriver<IOUSBConfigurationDescriptor>(
                                        BytesOf(ConfigurationAt(*descriptors, index)))
                                  : nullptr;
}

const IOUSBConfigurationDescriptor *IOUSBHostDevice::CopyConfigurationDescriptorWithValue(
    uint8_t bConfigurationValue) {
    const auto *descriptors = DescriptorsOf(*ivars);
    return descriptors != nullptr ? CopyForDriver<IOUSBConfigurationDescriptor>(BytesOf(
                                        descriptors->FindConfiguration(bConfigurationValue)))
                                  : nullptr;
}

const IOUSBConfigurationDescriptor *IOUSBHostDevice::CopyConfigurationDescriptor(IOService *) {
    return DescriptorsOf(*ivars) != nullptr
               ? CopyConfigurationDescriptorWithValue(ivars->backend->Configuration())
               : nullptr;
}

const IOUSBBOSDescriptor *IOUSBHostDevice::CopyCapabilityDescriptors() {
    const auto *descriptors = DescriptorsOf(*ivars);
    return descriptors != nullptr ? CopyForDriver<IOUSBBOSDescriptor>(descriptors->capabilities)
                                  : nullptr;
}

const IOUSBStringDescriptor *IOUSBHostDevice::CopyStringDescriptor(uint8_t index,
                                                                   uint16_t languageID) {
    return DescriptorsOf(*ivars) != nullptr
               ? opendext::usb::FetchString(ivars->control, index, languageID)
               : nullptr;
}

const IOUSBStringDescriptor *IOUSBHostDevice::CopyStringDescriptor(uint8_t index) {
    return CopyStringDescriptor(index, kIOUSBLanguageIDEnglishUS);
}

kern_return_t IMPL(IOUSBHostDevice, GetAddress) {
    return opendext::usb::GetAddress(ivars->backend.get(), address);
}

kern_return_t IMPL(IOUSBHostDevice, GetSpeed) {
    return opendext::usb::GetSpeed(ivars->backend.get(), speed);
}

kern_return_t IMPL(IOUSBHostDevice, GetFrameNumber) {
    return opendext::usb::GetFrameNumber(ivars->backend.get(), frameNumber, theTime);
}

kern_return_t IMPL(IOUSBHostDevice, GetPortStatus) {
    return opendext::usb::GetPortStatus(ivars->backend.get(), portStatus);
}
