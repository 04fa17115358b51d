// SPDX-License-Identifier: Apache-2.0
// AppleUSBDescriptorParsing.h: what the fields of descriptors say.
#include <USBDriverKit/AppleUSBDescriptorParsing.h>

#include <algorithm>
#include <bit>
#include <cstdint>

using EndpointCompanion = IOUSBSuperSpeedEndpointCompanionDescriptor;
using IsochronousCompanion = IOUSBSuperSpeedPlusIsochronousEndpointCompanionDescriptor;

namespace {

constexpr uint32_t kMaxEncodedInterval = 16;

bool IsPeriodic(const IOUSBEndpointDescriptor *descriptor) {
    const uint8_t type = IOUSBGetEndpointType(descriptor);
    return type == kIOUSBEndpointTypeIsochronous || type == kIOUSBEndpointTypeInterrupt;
}

bool IsIsochronous(const IOUSBEndpointDescriptor *descriptor) {
    return IOUSBGetEndpointType(descriptor) == kIOUSBEndpointTypeIsochronous;
}

uint32_t PacketsPerBurst(uint32_t speed, const EndpointCompanion *companion) {
    return speed >= kIOUSBHostConnectionSpeedSuper && companion != nullptr
               ? (companion->bMaxBurst & kIOUSBSuperSpeedEndpointCompanionDescriptorMaxBurst) + 1
               : 1;
}

}  // namespace

uint8_t IOUSBGetEndpointDirection(const IOUSBEndpointDescriptor *descriptor) {
    if (descriptor == nullptr || IOUSBGetEndpointType(descriptor) == kIOUSBEndpointTypeControl) {
        return kIOUSBEndpointDirectionUnknown;
    }
    return static_cast<uint8_t>(
        (descriptor->bEndpointAddress & kIOUSBEndpointDescriptorDirection) >>
        kIOUSBEndpointDescriptorDirectionPhase);
}

uint8_t IOUSBGetEndpointAddress(const IOUSBEndpointDescriptor *descriptor) {
    return descriptor != nullptr ? static_cast<uint8_t>(descriptor->bEndpointAddress &
                                                        (kIOUSBEndpointDescriptorNumber |
                                                         kIOUSBEndpointDescriptorDirection))
                                 : uint8_t{0};
}

uint8_t IOUSBGetEndpointNumber(const IOUSBEndpointDescriptor *descriptor) {
    return descriptor != nullptr
               ? static_cast<uint8_t>(descriptor->bEndpointAddress & kIOUSBEndpointDescriptorNumber)
               : uint8_t{0};
}

uint8_t IOUSBGetEndpointType(const IOUSBEndpointDescriptor *descriptor) {
    return descriptor != nullptr ? static_cast<uint8_t>(descriptor->bmAttributes &
                                                        kIOUSBEndpointDescriptorTransferType)
                                 : uint8_t{0};
}

uint16_t IOUSBGetEndpointMaxPacketSize(uint32_t /*usbDeviceSpeed*/,
                                       const IOUSBEndpointDescriptor *descriptor) {
    return descriptor != nullptr ? static_cast<uint16_t>(USBToHost16(descriptor->wMaxPacketSize) &
                                                         kIOUSBEndpointDescriptorPacketSize)
                                 : uint16_t{0};
}

uint32_t IOUSBGetEndpointBurstSize(uint32_t usbDeviceSpeed,
                                   const IOUSBEndpointDescriptor *descriptor,
                                   const EndpointCompanion *companionDescriptor,
                                   const IsochronousCompanion *sspCompanionDescriptor) {
    if (usbDeviceSpeed >= kIOUSBHostConnectionSpeedSuperPlus && IsIsochronous(descriptor) &&
        sspCompanionDescriptor != nullptr) {
        return USBToHost32(sspCompanionDescriptor->dwBytesPerInterval);
    }
    return IOUSBGetEndpointMaxPacketSize(usbDeviceSpeed, descriptor) *
           PacketsPerBurst(usbDeviceSpeed, companionDescriptor) *
           IOUSBGetEndpointMult(usbDeviceSpeed, descriptor, companionDescriptor,
                                sspCompanionDescriptor);
}

uint8_t IOUSBGetEndpointMult(uint32_t usbDeviceSpeed, const IOUSBEndpointDescriptor *descriptor,
                             const EndpointCompanion *companionDescriptor,
                             const IsochronousCompanion *sspCompanionDescriptor) {
    if (descriptor == nullptr) {
        return 0;
    }
    if (usbDeviceSpeed == kIOUSBHostConnectionSpeedHigh && IsPeriodic(descriptor)) {
        const uint32_t more =
            (USBToHost16(descriptor->wMaxPacketSize) & kIOUSBEndpointDescriptorPacketSizeMult) >>
            kIOUSBEndpointDescriptorPacketSizeMultPhase;
        return static_cast<uint8_t>(more + 1);
    }
    if (usbDeviceSpeed < kIOUSBHostConnectionSpeedSuper || !IsIsochronous(descriptor)) {
        return 1;
    }
    if (usbDeviceSpeed >= kIOUSBHostConnectionSpeedSuperPlus && sspCompanionDescriptor != nullptr) {
        const uint32_t burst = IOUSBGetEndpointMaxPacketSize(usbDeviceSpeed, descriptor) *
                               PacketsPerBurst(usbDeviceSpeed, companionDescriptor);
        const uint64_t bytes = USBToHost32(sspCompanionDescriptor->dwBytesPerInterval);
        const uint64_t bursts = burst != 0 ? (bytes + burst - 1) / burst : 0;
        return static_cast<uint8_t>(std::clamp<uint64_t>(bursts, 1, UINT8_MAX));
    }
    return companionDescriptor != nullptr
               ? static_cast<uint8_t>((companionDescriptor->bmAttributes &
                                       kIOUSBSuperSpeedEndpointCompanionDescriptorIsocMult) +
                                      1)
               : uint8_t{1};
}

uint32_t IOUSBGetEndpointIntervalEncodedMicroframes(uint32_t usbDeviceSpeed,
                                                    const IOUSBEndpointDescriptor *descriptor) {
    constexpr uint32_t kFrame = 4;  // 2^(4-1) microframes
    if (descriptor == nullptr || !IsPeriodic(descriptor)) {
        return 0;
    }
    const uint32_t interval = std::max<uint32_t>(descriptor->bInterval, 1);
    if (usbDeviceSpeed >= kIOUSBHostConnectionSpeedHigh) {
        return std::min(interval, kMaxEncodedInterval);
    }
    if (IsIsochronous(descriptor)) {
        return std::min(interval, kMaxEncodedInterval) + kFrame - 1;
    }
    return static_cast<uint32_t>(std::bit_width(interval)) - 1 + kFrame;
}

uint32_t IOUSBGetEndpointIntervalMicroframes(uint32_t usbDeviceSpeed,
                                             const IOUSBEndpointDescriptor *descriptor) {
    const uint32_t encoded = IOUSBGetEndpointIntervalEncodedMicroframes(usbDeviceSpeed, descriptor);
    return encoded != 0 ? uint32_t{1} << (encoded - 1) : 0;
}

uint32_t IOUSBGetEndpointIntervalFrames(uint32_t usbDeviceSpeed,
                                        const IOUSBEndpointDescriptor *descriptor) {
    constexpr uint32_t kMicroframesPerFrame = 8;
    return (IOUSBGetEndpointIntervalMicroframes(usbDeviceSpeed, descriptor) + kMicroframesPerFrame -
            1) /
           kMicroframesPerFrame;
}

uint32_t IOUSBGetEndpointMaxStreamsEncoded(uint32_t usbDeviceSpeed,
                                           const IOUSBEndpointDescriptor *descriptor,
                                           const EndpointCompanion *companionDescriptor) {
    constexpr uint32_t kMostEncoded = 16;
    if (usbDeviceSpeed < kIOUSBHostConnectionSpeedSuper || descriptor == nullptr ||
        companionDescriptor == nullptr ||
        IOUSBGetEndpointType(descriptor) != kIOUSBEndpointTypeBulk) {
        return 0;
    }
    return std::min<uint32_t>(companionDescriptor->bmAttributes &
                                  kIOUSBSuperSpeedEndpointCompanionDescriptorBulkMaxStreams,
                              kMostEncoded);
}

uint32_t IOUSBGetEndpointMaxStreams(uint32_t usbDeviceSpeed,
                                    const IOUSBEndpointDescriptor *descriptor,
                                    const EndpointCompanion *companionDescriptor) {
    const uint32_t encoded =
        IOUSBGetEndpointMaxStreamsEncoded(usbDeviceSpeed, descriptor, companionDescriptor);
    return encoded != 0 ? uint32_t{1} << encoded : 0;
}

uint32_t IOUSBGetConfigurationMaxPowerMilliAmps(uint32_t usbDeviceSpeed,
                                                const IOUSBConfigurationDescriptor *descriptor) {
    if (descriptor == nullptr) {
        return 0;
    }
    return descriptor->MaxPower * (usbDeviceSpeed >= kIOUSBHostConnectionSpeedSuper
                                       ? uint32_t{kIOUSB30BusCurrentMaxPowerUnits}
                                       : uint32_t{kIOUSB20BusCurrentMaxPowerUnits});
}
