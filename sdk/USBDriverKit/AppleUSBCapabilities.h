// SPDX-License-Identifier: Apache-2.0
/// @file AppleUSBCapabilities.h
/// The binary object store and its capabilities. Part of AppleUSBDefinitions.h.
#ifndef OPENDEXT_USBDRIVERKIT_APPLEUSBCAPABILITIES_H
#define OPENDEXT_USBDRIVERKIT_APPLEUSBCAPABILITIES_H

#include <sys/_types/_uuid_t.h>

#include <USBDriverKit/AppleUSBDescriptors.h>

/// bDevCapabilityType.
enum tIOUSBDeviceCapabilityType {
    kIOUSBDeviceCapabilityTypeWireless = 1,
    kIOUSBDeviceCapabilityTypeUSB20Extension = 2,
    kIOUSBDeviceCapabilityTypeSuperSpeed = 3,
    kIOUSBDeviceCapabilityTypeContainerID = 4,
    kIOUSBDeviceCapabilityTypePlatform = 5,
    kIOUSBDeviceCapabilityTypePowerDelivery = 6,
    kIOUSBDeviceCapabilityTypeBatteryInfo = 7,
    kIOUSBDeviceCapabilityTypePdConsumerPort = 8,
    kIOUSBDeviceCapabilityTypePdProviderPort = 9,
    kIOUSBDeviceCapabilityTypeSuperSpeedPlus = 10,
    kIOUSBDeviceCapabilityTypePrecisionMeasurement = 11,
    kIOUSBDeviceCapabilityTypeWirelessExt = 12,
    kIOUSBDeviceCapabilityTypeBillboard = 13,
    kIOUSBDeviceCapabilityTypeBillboardAltMode = 15,
};
typedef enum tIOUSBDeviceCapabilityType tIOUSBDeviceCapabilityType;

/// USB 3.1, 9.6.2: the binary object store. Capabilities follow it: wTotalLength bytes in all.
struct IOUSBBOSDescriptor {
    uint8_t bLength;
    uint8_t bDescriptorType;
    uint16_t wTotalLength;
    uint8_t bNumDeviceCaps;
} __attribute__((packed));
typedef struct IOUSBBOSDescriptor IOUSBBOSDescriptor;

/// How every capability begins. The fourth byte belongs to the capability.
struct IOUSBDeviceCapabilityDescriptorHeader {
    uint8_t bLength;
    uint8_t bDescriptorType;
    uint8_t bDevCapabilityType;
    uint8_t bNumDeviceCaps;
} __attribute__((packed));
typedef struct IOUSBDeviceCapabilityDescriptorHeader IOUSBDeviceCapabilityDescriptorHeader;

/// USB 3.1, 9.6.2.1.
struct IOUSBDeviceCapabilityUSB2Extension {
    uint8_t bLength;
    uint8_t bDescriptorType;
    uint8_t bDevCapabilityType;
    uint32_t bmAttributes;
} __attribute__((packed));
typedef struct IOUSBDeviceCapabilityUSB2Extension IOUSBDeviceCapabilityUSB2Extension;

/// Bits of IOUSBDeviceCapabilityUSB2Extension::bmAttributes.
enum {
    kIOUSBUSB20ExtensionCapabilityLPM = IOUSBBit(1),
    kIOUSBUSB20ExtensionCapabilityBESLSupport = IOUSBBit(2),
    kIOUSBUSB20ExtensionCapabilityBESLValid = IOUSBBit(3),
    kIOUSBUSB20ExtensionCapabilityBESLDValid = IOUSBBit(4),
    kIOUSBUSB20ExtensionCapabilityBESL = IOUSBBitRange(8, 11),
    kIOUSBUSB20ExtensionCapabilityBESLPhase = IOUSBBitRangePhase(8, 11),
    kIOUSBUSB20ExtensionCapabilityBESLD = IOUSBBitRange(12, 15),
    kIOUSBUSB20ExtensionCapabilityBESLDPhase = IOUSBBitRangePhase(12, 15),
};

/// USB 3.1, 9.6.2.2.
struct IOUSBDeviceCapabilitySuperSpeedUSB {
    uint8_t bLength;
    uint8_t bDescriptorType;
    uint8_t bDevCapabilityType;
    uint8_t bmAttributes;
    uint16_t wSpeedsSupported;
    uint8_t bFunctionalitySupport;
    uint8_t bU1DevExitLat;
    uint16_t wU2DevExitLat;
} __attribute__((packed));
typedef struct IOUSBDeviceCapabilitySuperSpeedUSB IOUSBDeviceCapabilitySuperSpeedUSB;

/// Fields of IOUSBDeviceCapabilitySuperSpeedUSB.
enum {
    kIOUSBSuperSpeedDeviceCapabilityLTM = IOUSBBit(1),
    // wSpeedsSupported
    kIOUSBSuperSpeedDeviceCapabilityLowSpeed = IOUSBBit(0),
    kIOUSBSuperSpeedDeviceCapabilityFullSpeed = IOUSBBit(1),
    kIOUSBSuperSpeedDeviceCapabilityHighSpeed = IOUSBBit(2),
    kIOUSBSuperSpeedDeviceCapability5Gb = IOUSBBit(3),
    // bFunctionalitySupport
    kIOUSBSuperSpeedDeviceCapabilitySupportLowSpeed = 0,
    kIOUSBSuperSpeedDeviceCapabilitySupportFullSpeed = 1,
    kIOUSBSuperSpeedDeviceCapabilitySupportHighSpeed = 2,
    kIOUSBSuperSpeedDeviceCapabilitySupport5Gb = 3,
    // Microseconds
    kIOUSBSuperSpeedDeviceCapabilityU1DevExitLatMax = 0xa,
    kIOUSBSuperSpeedDeviceCapabilityU2DevExitLatMax = 0x7ff,
};

/// USB 3.1, 9.6.2.5. More words of bmSublinkSpeedAttr may follow.
struct IOUSBDeviceCapabilitySuperSpeedPlusUSB {
    uint8_t bLength;
    uint8_t bDescriptorType;
    uint8_t bDevCapabilityType;
    uint8_t bReserved;
    uint32_t bmAttributes;
    uint16_t wFunctionalitySupport;
    uint16_t wReserved;
    uint32_t bmSublinkSpeedAttr[1];
} __attribute__((packed));
typedef struct IOUSBDeviceCapabilitySuperSpeedPlusUSB IOUSBDeviceCapabilitySuperSpeedPlusUSB;

/// Fields of IOUSBDeviceCapabilitySuperSpeedPlusUSB.
enum {
    // bmAttributes
    kIOUSBSuperSpeedPlusDeviceCapabilitySublinkSpeedAttrCount = IOUSBBitRange(0, 4),
    kIOUSBSuperSpeedPlusDeviceCapabilitySublinkSpeedAttrCountPhase = IOUSBBitRangePhase(0, 4),
    kIOUSBSuperSpeedPlusDeviceCapabilitySublinkSpeedIdCount = IOUSBBitRange(5, 8),
    kIOUSBSuperSpeedPlusDeviceCapabilitySublinkSpeedIdCountPhase = IOUSBBitRangePhase(5, 8),
    // wFunctionalitySupport
    kIOUSBSuperSpeedPlusDeviceCapabilitySublinkMinSpeedId = IOUSBBitRange(0, 3),
    kIOUSBSuperSpeedPlusDeviceCapabilitySublinkMinSpeedIdPhase = IOUSBBitRangePhase(0, 3),
    kIOUSBSuperSpeedPlusDeviceCapabilityReserved = IOUSBBitRange(4, 7),
    kIOUSBSuperSpeedPlusDeviceCapabilityReservedPhase = IOUSBBitRangePhase(4, 7),
    kIOUSBSuperSpeedPlusDeviceCapabilityMinRxLaneCount = IOUSBBitRange(8, 11),
    kIOUSBSuperSpeedPlusDeviceCapabilityMinRxLaneCountPhase = IOUSBBitRangePhase(8, 11),
    kIOUSBSuperSpeedPlusDeviceCapabilityMinTxLaneCount = IOUSBBitRange(12, 15),
    kIOUSBSuperSpeedPlusDeviceCapabilityMinTxLaneCountPhase = IOUSBBitRangePhase(12, 15),
    // bmSublinkSpeedAttr
    kIOUSBSuperSpeedPlusDeviceCapabilitySublinkSpeedId = IOUSBBitRange(0, 3),
    kIOUSBSuperSpeedPlusDeviceCapabilitySublinkSpeedIdPhase = IOUSBBitRangePhase(0, 3),
    kIOUSBSuperSpeedPlusDeviceCapabilitySublinkLSE = IOUSBBitRange(4, 5),
    kIOUSBSuperSpeedPlusDeviceCapabilitySublinkLSEPhase = IOUSBBitRangePhase(4, 5),
    kIOUSBSuperSpeedPlusDeviceCapabilitySublinkLSEBits = (0 << IOUSBBitRangePhase(4, 5)),
    kIOUSBSuperSpeedPlusDeviceCapabilitySublinkLSEKbits = (1 << IOUSBBitRangePhase(4, 5)),
    kIOUSBSuperSpeedPlusDeviceCapabilitySublinkLSEMbits = (2 << IOUSBBitRangePhase(4, 5)),
    kIOUSBSuperSpeedPlusDeviceCapabilitySublinkLSEGbits = (3 << IOUSBBitRangePhase(4, 5)),
    kIOUSBSuperSpeedPlusDeviceCapabilitySublinkType = IOUSBBitRange(6, 7),
    kIOUSBSuperSpeedPlusDeviceCapabilitySublinkTypePhase = IOUSBBitRangePhase(6, 7),
    kIOUSBSuperSpeedPlusDeviceCapabilitySublinkSymmetry = IOUSBBit(6),
    kIOUSBSuperSpeedPlusDeviceCapabilitySublinkSymmetryPhase = IOUSBBitRangePhase(6, 6),
    kIOUSBSuperSpeedPlusDeviceCapabilitySublinkSymmetric = (0 << IOUSBBitRangePhase(6, 6)),
    kIOUSBSuperSpeedPlusDeviceCapabilitySublinkAsymmetric = (1 << IOUSBBitRangePhase(6, 6)),
    kIOUSBSuperSpeedPlusDeviceCapabilitySublinkDirection = IOUSBBit(7),
    kIOUSBSuperSpeedPlusDeviceCapabilitySublinkDirectionPhase = IOUSBBitRangePhase(7, 7),
    kIOUSBSuperSpeedPlusDeviceCapabilitySublinkDirectionRx = (0 << IOUSBBitRangePhase(7, 7)),
    kIOUSBSuperSpeedPlusDeviceCapabilitySublinkDirectionTx = (1 << IOUSBBitRangePhase(7, 7)),
    kIOUSBSuperSpeedPlusDeviceCapabilitySublinkReserved = IOUSBBitRange(8, 13),
    kIOUSBSuperSpeedPlusDeviceCapabilitySublinkReservedPhase = IOUSBBitRangePhase(8, 13),
    kIOUSBSuperSpeedPlusDeviceCapabilitySublinkProtocol = IOUSBBitRange(14, 15),
    kIOUSBSuperSpeedPlusDeviceCapabilitySublinkProtocolPhase = IOUSBBitRangePhase(14, 15),
    kIOUSBSuperSpeedPlusDeviceCapabilitySublinkSpeedMantissa = IOUSBBitRange(16, 31),
    kIOUSBSuperSpeedPlusDeviceCapabilitySublinkSpeedMantissaPhase = IOUSBBitRangePhase(16, 31),
};

/// USB 3.1, 9.6.2.3.
struct IOUSBDeviceCapabilityContainerID {
    uint8_t bLength;
    uint8_t bDescriptorType;
    uint8_t bDevCapabilityType;
    uint8_t bReservedID;
    uint8_t containerID[16];
} __attribute__((packed));
typedef struct IOUSBDeviceCapabilityContainerID IOUSBDeviceCapabilityContainerID;

/// USB 3.1, 9.6.2.4.
struct IOUSBPlatformCapabilityDescriptor {
    uint8_t bLength;
    uint8_t bDescriptorType;
    uint8_t bDevCapabilityType;
    uint8_t bReserved;
    uuid_t PlatformCapabilityUUID;
} __attribute__((packed));
typedef struct IOUSBPlatformCapabilityDescriptor IOUSBPlatformCapabilityDescriptor;

/// An alternate mode as version 1.2 of the billboard class writes it.
struct IOUSBDeviceCapabilityBillboardAltConfigCompatibility {
    uint16_t wSVID;
    uint32_t dwAlternateMode;
    uint8_t iAlternateModeString;
} __attribute__((packed));
typedef struct IOUSBDeviceCapabilityBillboardAltConfigCompatibility
    IOUSBDeviceCapabilityBillboardAltConfigCompatibility;

/// An alternate mode as versions 1.1 and 1.21 write it.
struct IOUSBDeviceCapabilityBillboardAltConfig {
    uint16_t wSVID;
    uint8_t bAltenateMode;  ///< Spelt so.
    uint8_t iAlternateModeString;
} __attribute__((packed));
typedef struct IOUSBDeviceCapabilityBillboardAltConfig IOUSBDeviceCapabilityBillboardAltConfig;

/// Billboard class, 3.1.6.2.
struct IOUSBDeviceCapabilityBillboard {
    uint8_t bLength;
    uint8_t bDescriptorType;
    uint8_t bDevCapabilityType;
    uint8_t iAdditionalInfoURL;
    uint8_t bNumberOfAlternateModes;
    uint8_t bPreferredAlternateMode;
    uint16_t vCONNPower;
    uint8_t bmConfigured[32];
    uint16_t bcdVersion;
    uint8_t bAdditionalFailureInfo;
    uint8_t bReserved;
    IOUSBDeviceCapabilityBillboardAltConfig pAltConfigurations[];
} __attribute__((packed));
typedef struct IOUSBDeviceCapabilityBillboard IOUSBDeviceCapabilityBillboard;

/// Billboard class, 3.1.6.3.
struct IOUSBDeviceCapabilityBillboardAltMode {
    uint8_t bLength;
    uint8_t bDescriptorType;
    uint8_t bDevCapabilityType;
    uint8_t bIndex;
    uint16_t dwAlternateModeVdo;
} __attribute__((packed));
typedef struct IOUSBDeviceCapabilityBillboardAltMode IOUSBDeviceCapabilityBillboardAltMode;

#endif
