// SPDX-License-Identifier: Apache-2.0
#include "families/usb/descriptor_copies.h"

#include <algorithm>
#include <cstring>

#include <DriverKit/IOBufferMemoryDescriptor.h>
#include <DriverKit/IOLib.h>
#include <USBDriverKit/AppleUSBDescriptorParsing.h>
#include <USBDriverKit/USBDriverKitDefs.h>

#include "families/usb/usb_request.h"
#include "runtime/memory/retained.h"

namespace opendext::usb {

namespace {

constexpr uint32_t kFetchTimeoutMs = 5000;

// USB 2.0, 9.4.3.
constexpr uint8_t kGetDescriptor = kIOUSBDeviceRequestGetDescriptor;

// The original's bcdUSB of an endpoint is one of four.
uint16_t RevisionOf(uint16_t usb_version) {
    constexpr uint16_t kRevisions[] = {0x0310, 0x0300, 0x0200};
    for (const uint16_t revision : kRevisions) {
        if (usb_version >= revision) {
            return revision;
        }
    }
    return 0x0110;
}

// The descriptor that `header` begins, if it has a `Descriptor`'s size.
template <typename Descriptor>
void Take(const IOUSBDescriptorHeader *header, Descriptor &descriptor) {
    if (header->bLength >= sizeof(Descriptor)) {
        std::memcpy(&descriptor, header, sizeof(Descriptor));
    }
}

}  // namespace

template <typename Descriptor>
const Descriptor *CopyForDriver(std::span<const std::byte> bytes) {
    if (bytes.size() < sizeof(Descriptor)) {
        return nullptr;
    }
    void *copy = IOMalloc(bytes.size());
    if (copy != nullptr) {
        std::memcpy(copy, bytes.data(), bytes.size());
    }
    return static_cast<const Descriptor *>(copy);
}

template const IOUSBDeviceDescriptor *CopyForDriver(std::span<const std::byte>);
template const IOUSBConfigurationDescriptor *CopyForDriver(std::span<const std::byte>);
template const IOUSBBOSDescriptor *CopyForDriver(std::span<const std::byte>);

std::span<const std::byte> BytesOf(const backends::UsbConfiguration *configuration) {
    return configuration != nullptr ? std::span<const std::byte>(configuration->bytes)
                                    : std::span<const std::byte>();
}

kern_return_t FetchDescriptor(const std::shared_ptr<EndpointRequests> &control,
                              const DescriptorQuery &query, std::span<std::byte> bytes,
                              size_t &num_bytes) {
    num_bytes = 0;
    const auto length = static_cast<uint16_t>(std::min<size_t>(bytes.size(), UINT16_MAX));
    IOBufferMemoryDescriptor *made = nullptr;
    kern_return_t result = IOBufferMemoryDescriptor::Create(kIOMemoryDirectionIn, length, 0, &made);
    const memory::Retained<IOBufferMemoryDescriptor> buffer(made);
    if (result != kIOReturnSuccess) {
        return result;
    }
    const auto request_type = static_cast<uint8_t>(
        kIOUSBDeviceRequestDirectionIn | (query.request_type << kIOUSBDeviceRequestTypePhase) |
        (query.request_recipient & kIOUSBDeviceRequestRecipientMask));
    const RequestEnd end = CallControl(
        control, {.setup = {.request_type = request_type,
                            .request = kGetDescriptor,
                            .value = static_cast<uint16_t>(query.type << 8 | query.index),
                            .index = query.language_id,
                            .length = length},
                  .memory = buffer.get(),
                  .timeout_ms = kFetchTimeoutMs});
    IOAddressSegment range{};
    result = end.result != kIOReturnSuccess ? end.result : buffer->GetAddressRange(&range);
    if (result == kIOReturnSuccess) {
        num_bytes = std::min<size_t>(end.num_bytes, length);
        std::memcpy(bytes.data(), reinterpret_cast<const void *>(range.address), num_bytes);
    }
    return result;
}

const IOUSBStringDescriptor *FetchString(const std::shared_ptr<EndpointRequests> &control,
                                         uint8_t index, uint16_t language_id) {
    std::byte bytes[kIOUSBDescriptorSizeStringMaximum];
    size_t num_bytes = 0;
    const DescriptorQuery query{
        .type = kIOUSBDescriptorTypeString, .index = index, .language_id = language_id};
    if (FetchDescriptor(control, query, bytes, num_bytes) != kIOReturnSuccess ||
        num_bytes < kIOUSBDescriptorSizeStringMinimum) {
        return nullptr;
    }
    // A device that claims more than it sent is not believed.
    const size_t length = std::min<size_t>(std::to_integer<size_t>(bytes[0]), num_bytes);
    if (length < kIOUSBDescriptorSizeStringMinimum ||
        std::to_integer<uint8_t>(bytes[1]) != kIOUSBDescriptorTypeString) {
        return nullptr;
    }
    void *copy = IOMallocZero(std::max(length, sizeof(IOUSBStringDescriptor)));
    if (copy != nullptr) {
        std::memcpy(copy, bytes, length);
        static_cast<IOUSBStringDescriptor *>(copy)->bLength = static_cast<uint8_t>(length);
    }
    return static_cast<const IOUSBStringDescriptor *>(copy);
}

IOUSBStandardEndpointDescriptors EndpointDescriptors(
    const backends::UsbDescriptors &device, const backends::UsbConfiguration &configuration,
    const backends::UsbEndpoint &endpoint) {
    IOUSBStandardEndpointDescriptors descriptors{};
    descriptors.bcdUSB = RevisionOf(device.device.usb_version);
    const auto *whole =
        reinterpret_cast<const IOUSBConfigurationDescriptor *>(configuration.bytes.data());
    const auto *header = reinterpret_cast<const IOUSBDescriptorHeader *>(
        configuration.bytes.data() + endpoint.offset);
    Take(header, descriptors.descriptor);
    while ((header = IOUSBGetNextDescriptor(whole, header)) != nullptr &&
           header->bDescriptorType != kIOUSBDescriptorTypeEndpoint &&
           header->bDescriptorType != kIOUSBDescriptorTypeInterface) {
        if (header->bDescriptorType == kIOUSBDescriptorTypeSuperSpeedUSBEndpointCompanion) {
            Take(header, descriptors.ssCompanionDescriptor);
        } else if (header->bDescriptorType ==
                   kIOUSBDescriptorTypeSuperSpeedPlusIsochronousEndpointCompanion) {
            Take(header, descriptors.sspCompanionDescriptor);
        }
    }
    return descriptors;
}

}  // namespace opendext::usb

void IOUSBHostFreeDescriptor(const IOUSBDeviceDescriptor *descriptor) {
    if (descriptor != nullptr) {
        IOFree(const_cast<IOUSBDeviceDescriptor *>(descriptor), descriptor->bLength);
    }
}

void IOUSBHostFreeDescriptor(const IOUSBConfigurationDescriptor *descriptor) {
    if (descriptor != nullptr) {
        IOFree(const_cast<IOUSBConfigurationDescriptor *>(descriptor),
               USBToHost16(descriptor->wTotalLength));
    }
}

void IOUSBHostFreeDescriptor(const IOUSBBOSDescriptor *descriptor) {
    if (descriptor != nullptr) {
        IOFree(const_cast<IOUSBBOSDescriptor *>(descriptor), USBToHost16(descriptor->wTotalLength));
    }
}

void IOUSBHostFreeDescriptor(const IOUSBStringDescriptor *descriptor) {
    if (descriptor != nullptr) {
        IOFree(const_cast<IOUSBStringDescriptor *>(descriptor), descriptor->bLength);
    }
}
