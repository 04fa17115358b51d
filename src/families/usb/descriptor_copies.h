// SPDX-License-Identifier: Apache-2.0
/// @file descriptor_copies.h
/// Descriptors for drivers: copies of what a device said when it was attached, and what it says on request.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include <USBDriverKit/AppleUSBDefinitions.h>
#include <USBDriverKit/IOUSBHostPipe.h>

#include "families/usb/endpoint_requests.h"

namespace opendext::usb {

/// A copy that IOUSBHostFreeDescriptor frees; NULL for no bytes, or when memory is short.
template <typename Descriptor>
[[nodiscard]] const Descriptor *CopyForDriver(std::span<const std::byte> bytes);

/// The configuration in effect, or one by index or value; empty when there is none.
[[nodiscard]] std::span<const std::byte> BytesOf(const backends::UsbConfiguration *configuration);

/// As IOUSBHostDevice::CopyStringDescriptor, by a request on `control`.
[[nodiscard]] const IOUSBStringDescriptor *FetchString(
    const std::shared_ptr<EndpointRequests> &control, uint8_t index, uint16_t language_id);

/// Which descriptor a GET_DESCRIPTOR asks for.
struct DescriptorQuery {
    uint8_t type = 0;
    uint8_t index = 0;
    uint16_t language_id = 0;
    uint8_t request_type = 0;       ///< tIOUSBDeviceRequestTypeValue.
    uint8_t request_recipient = 0;  ///< tIOUSBDeviceRequestRecipientValue.
};

/// Asks the device. @param num_bytes out: how many were written. @return how the request ended.
[[nodiscard]] kern_return_t FetchDescriptor(const std::shared_ptr<EndpointRequests> &control,
                                            const DescriptorQuery &query,
                                            std::span<std::byte> bytes, size_t &num_bytes);

/// An endpoint with its companions, out of its configuration.
[[nodiscard]] IOUSBStandardEndpointDescriptors EndpointDescriptors(
    const backends::UsbDescriptors &device, const backends::UsbConfiguration &configuration,
    const backends::UsbEndpoint &endpoint);

}  // namespace opendext::usb
