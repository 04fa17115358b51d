// SPDX-License-Identifier: Apache-2.0
/// @file AppleUSBDescriptorParsing.h
/// Walking over descriptors, and what their fields say. Descriptors may come from a device that is wrong: no function
/// reads beyond the total length that the first descriptor states. Any thread; nothing is kept.
///
/// Pointers that are returned point into what was passed. NULL arguments are allowed everywhere: then the answer is
/// NULL, or 0.
#ifndef OPENDEXT_USBDRIVERKIT_APPLEUSBDESCRIPTORPARSING_H
#define OPENDEXT_USBDRIVERKIT_APPLEUSBDESCRIPTORPARSING_H

#include <USBDriverKit/AppleUSBDefinitions.h>
#include <USBDriverKit/IOUSBHostFamilyDefinitions.h>

#ifdef __cplusplus
extern "C" {
#endif

/// The descriptor after `currentDescriptor`; after the configuration descriptor itself when that is NULL.
/// @param currentDescriptor within configurationDescriptor, else the answer is NULL.
/// @return NULL at the end, and when the next one is shorter than its header or not wholly there.
const IOUSBDescriptorHeader *IOUSBGetNextDescriptor(
    const IOUSBConfigurationDescriptor *configurationDescriptor,
    const IOUSBDescriptorHeader *currentDescriptor);

/// The next descriptor of a type (tIOUSBDescriptorType). Otherwise as IOUSBGetNextDescriptor.
const IOUSBDescriptorHeader *IOUSBGetNextDescriptorWithType(
    const IOUSBConfigurationDescriptor *configurationDescriptor,
    const IOUSBDescriptorHeader *currentDescriptor, const uint8_t type);

/// The next descriptor that belongs to `parentDescriptor`: those up to the next one of the parent's own type.
/// @param currentDescriptor NULL: begin right after the parent.
const IOUSBDescriptorHeader *IOUSBGetNextAssociatedDescriptor(
    const IOUSBConfigurationDescriptor *configurationDescriptor,
    const IOUSBDescriptorHeader *parentDescriptor, const IOUSBDescriptorHeader *currentDescriptor);

/// The next descriptor of a type that belongs to `parentDescriptor`.
const IOUSBDescriptorHeader *IOUSBGetNextAssociatedDescriptorWithType(
    const IOUSBConfigurationDescriptor *configurationDescriptor,
    const IOUSBDescriptorHeader *parentDescriptor, const IOUSBDescriptorHeader *currentDescriptor,
    const uint8_t type);

/// The next interface association descriptor. One that is shorter than its type ends the search, as in the functions
/// that follow.
const IOUSBInterfaceAssociationDescriptor *IOUSBGetNextInterfaceAssociationDescriptor(
    const IOUSBConfigurationDescriptor *configurationDescriptor,
    const IOUSBDescriptorHeader *currentDescriptor);

/// The next interface descriptor; every alternate setting has one.
const IOUSBInterfaceDescriptor *IOUSBGetNextInterfaceDescriptor(
    const IOUSBConfigurationDescriptor *configurationDescriptor,
    const IOUSBDescriptorHeader *currentDescriptor);

/// The next endpoint descriptor of an interface.
/// @param currentDescriptor NULL, or the endpoint descriptor that was returned before.
const IOUSBEndpointDescriptor *IOUSBGetNextEndpointDescriptor(
    const IOUSBConfigurationDescriptor *configurationDescriptor,
    const IOUSBInterfaceDescriptor *interfaceDescriptor,
    const IOUSBDescriptorHeader *currentDescriptor);

/// The capability after `currentDescriptor`; the first one when that is NULL. Ends as IOUSBGetNextDescriptor does.
const IOUSBDeviceCapabilityDescriptorHeader *IOUSBGetNextCapabilityDescriptor(
    const IOUSBBOSDescriptor *bosDescriptor,
    const IOUSBDeviceCapabilityDescriptorHeader *currentDescriptor);

/// The next capability of a type (tIOUSBDeviceCapabilityType).
const IOUSBDeviceCapabilityDescriptorHeader *IOUSBGetNextCapabilityDescriptorWithType(
    const IOUSBBOSDescriptor *bosDescriptor,
    const IOUSBDeviceCapabilityDescriptorHeader *currentDescriptor, const uint8_t type);

/// The first capability of this kind, or NULL.
const IOUSBDeviceCapabilityUSB2Extension *IOUSBGetUSB20ExtensionDeviceCapabilityDescriptor(
    const IOUSBBOSDescriptor *bosDescriptor);
/// As above.
const IOUSBDeviceCapabilitySuperSpeedUSB *IOUSBGetSuperSpeedDeviceCapabilityDescriptor(
    const IOUSBBOSDescriptor *bosDescriptor);
/// As above.
const IOUSBDeviceCapabilitySuperSpeedPlusUSB *IOUSBGetSuperSpeedPlusDeviceCapabilityDescriptor(
    const IOUSBBOSDescriptor *bosDescriptor);
/// As above.
const IOUSBDeviceCapabilityContainerID *IOUSBGetContainerIDDescriptor(
    const IOUSBBOSDescriptor *bosDescriptor);
/// As above.
const IOUSBPlatformCapabilityDescriptor *IOUSBGetPlatformCapabilityDescriptor(
    const IOUSBBOSDescriptor *bosDescriptor);
/// As above.
const IOUSBDeviceCapabilityBillboard *IOUSBGetBillboardDescriptor(
    const IOUSBBOSDescriptor *bosDescriptor);

/// tIOUSBEndpointDirection; Unknown for a control endpoint, which goes both ways.
uint8_t IOUSBGetEndpointDirection(const IOUSBEndpointDescriptor *descriptor);

/// Number and direction: what CopyPipe takes.
uint8_t IOUSBGetEndpointAddress(const IOUSBEndpointDescriptor *descriptor);

/// 1 to 15, without the direction.
uint8_t IOUSBGetEndpointNumber(const IOUSBEndpointDescriptor *descriptor);

/// tIOUSBEndpointType.
uint8_t IOUSBGetEndpointType(const IOUSBEndpointDescriptor *descriptor);

/// Bytes of one packet, without what the multiplier and bursts add.
/// @param usbDeviceSpeed tIOUSBHostConnectionSpeed, of GetSpeed; also in the functions that follow.
uint16_t IOUSBGetEndpointMaxPacketSize(uint32_t usbDeviceSpeed,
                                       const IOUSBEndpointDescriptor *descriptor);

/// Bytes of one service opportunity: packets times bursts times multiplier. For isochronous endpoints at SuperSpeedPlus
/// it is the companion's dwBytesPerInterval.
/// @param companionDescriptor and sspCompanionDescriptor: NULL when the endpoint has none.
uint32_t IOUSBGetEndpointBurstSize(
    uint32_t usbDeviceSpeed, const IOUSBEndpointDescriptor *descriptor,
    const IOUSBSuperSpeedEndpointCompanionDescriptor *companionDescriptor,
    const IOUSBSuperSpeedPlusIsochronousEndpointCompanionDescriptor *sspCompanionDescriptor);

/// How many bursts (below SuperSpeed: packets) an interval has; 1 where the endpoint has no multiplier.
uint8_t IOUSBGetEndpointMult(
    uint32_t usbDeviceSpeed, const IOUSBEndpointDescriptor *descriptor,
    const IOUSBSuperSpeedEndpointCompanionDescriptor *companionDescriptor,
    const IOUSBSuperSpeedPlusIsochronousEndpointCompanionDescriptor *sspCompanionDescriptor);

/// The interval of a periodic endpoint as n in 2^(n-1) microframes, rounded down where bInterval is in frames.
uint32_t IOUSBGetEndpointIntervalEncodedMicroframes(uint32_t usbDeviceSpeed,
                                                    const IOUSBEndpointDescriptor *descriptor);

/// The interval in microframes.
uint32_t IOUSBGetEndpointIntervalMicroframes(uint32_t usbDeviceSpeed,
                                             const IOUSBEndpointDescriptor *descriptor);

/// The interval in frames; at least 1 for a periodic endpoint.
uint32_t IOUSBGetEndpointIntervalFrames(uint32_t usbDeviceSpeed,
                                        const IOUSBEndpointDescriptor *descriptor);

/// Streams of a bulk endpoint as n in 2^n; 0 when it has none.
uint32_t IOUSBGetEndpointMaxStreamsEncoded(
    uint32_t usbDeviceSpeed, const IOUSBEndpointDescriptor *descriptor,
    const IOUSBSuperSpeedEndpointCompanionDescriptor *companionDescriptor);

/// How many streams a bulk endpoint has; 0: none.
uint32_t IOUSBGetEndpointMaxStreams(
    uint32_t usbDeviceSpeed, const IOUSBEndpointDescriptor *descriptor,
    const IOUSBSuperSpeedEndpointCompanionDescriptor *companionDescriptor);

/// The bus current that a configuration needs, in milliamperes.
uint32_t IOUSBGetConfigurationMaxPowerMilliAmps(uint32_t usbDeviceSpeed,
                                                const IOUSBConfigurationDescriptor *descriptor);

#ifdef __cplusplus
}
#endif

#endif
