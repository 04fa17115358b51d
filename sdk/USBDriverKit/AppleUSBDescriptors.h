// SPDX-License-Identifier: Apache-2.0
/// @file AppleUSBDescriptors.h
/// Descriptors of devices, configurations, interfaces, endpoints and classes. Part of AppleUSBDefinitions.h.
#ifndef OPENDEXT_USBDRIVERKIT_APPLEUSBDESCRIPTORS_H
#define OPENDEXT_USBDRIVERKIT_APPLEUSBDESCRIPTORS_H

#include <stddef.h>
#include <stdint.h>

#include <DriverKit/IOLib.h>
#include <DriverKit/IOTypes.h>
#include <libkern/OSByteOrder.h>

/// Bit number `bit`, and the bits from `start` to `end` (both included).
#ifndef IOUSBBit
#define IOUSBBit(bit) ((uint32_t)(1) << (bit))
#endif
#ifndef IOUSBBitRange
#define IOUSBBitRange(start, end) \
    ((uint32_t)(((uint32_t)0xFFFFFFFF >> (31 - (end))) & ((uint32_t)0xFFFFFFFF << (start))))
#endif
#ifndef IOUSBBitRange64
#define IOUSBBitRange64(start, end) \
    ((uint64_t)(((uint64_t)~0ULL >> (63 - (end))) & ((uint64_t)~0ULL << (start))))
#endif

/// How far a value is shifted to lie in the bits from `start` to `end`.
#ifndef IOUSBBitRangePhase
#define IOUSBBitRangePhase(start, end) (start)
#endif

/// Between the bus's byte order and the host's.
#ifndef USBToHost16
#define USBToHost16 OSSwapLittleToHostInt16
#endif
#ifndef HostToUSB16
#define HostToUSB16 OSSwapHostToLittleInt16
#endif
#ifndef USBToHost32
#define USBToHost32 OSSwapLittleToHostInt32
#endif
#ifndef HostToUSB32
#define HostToUSB32 OSSwapHostToLittleInt32
#endif
#ifndef USBToHost64
#define USBToHost64 OSSwapLittleToHostInt64
#endif
#ifndef HostToUSB64
#define HostToUSB64 OSSwapHostToLittleInt64
#endif

/// bDescriptorType.
enum tIOUSBDescriptorType {
    kIOUSBDescriptorTypeDevice = 1,
    kIOUSBDescriptorTypeConfiguration = 2,
    kIOUSBDescriptorTypeString = 3,
    kIOUSBDescriptorTypeInterface = 4,
    kIOUSBDescriptorTypeEndpoint = 5,
    kIOUSBDescriptorTypeDeviceQualifier = 6,
    kIOUSBDescriptorTypeOtherSpeedConfiguration = 7,
    kIOUSBDescriptorTypeInterfacePower = 8,
    kIOUSBDescriptorTypeOTG = 9,
    kIOUSBDescriptorTypeDebug = 10,
    kIOUSBDescriptorTypeInterfaceAssociation = 11,
    kIOUSBDescriptorTypeBOS = 15,
    kIOUSBDescriptorTypeDeviceCapability = 16,
    kIOUSBDecriptorTypeHID = 33,  ///< Spelt so.
    kIOUSBDecriptorTypeReport = 34,
    kIOUSBDescriptorTypePhysical = 35,
    kIOUSBDescriptorTypeHub = 41,
    kIOUSBDescriptorTypeSuperSpeedHub = 42,
    kIOUSBDescriptorTypeSuperSpeedUSBEndpointCompanion = 48,
    kIOUSBDescriptorTypeSuperSpeedPlusIsochronousEndpointCompanion = 49,
};
typedef enum tIOUSBDescriptorType tIOUSBDescriptorType;

/// Sizes of descriptors, in bytes.
enum tIOUSBDescriptorSize {
    kIOUSBDescriptorHeaderSize = 2,
    kIOUSBDescriptorSizeDevice = 18,
    kIOUSBDescriptorSizeConfiguration = 9,
    kIOUSBDescriptorSizeInterface = 9,
    kIOUSBDescriptorSizeEndpoint = 7,
    kIOUSBDescriptorSizeStringMinimum = kIOUSBDescriptorHeaderSize,
    kIOUSBDescriptorSizeStringMaximum = 255,
    kIOUSBDescriptorSizeDeviceQualifier = 10,
    kIOUSBDescriptorSizeInterfaceAssociation = 8,
    kIOUSBDescriptorSizeBOS = 5,
    kIOUSBDescriptorSizeDeviceCapability = 3,
    kIOUSBDescriptorSizeUSB20ExtensionCapability = 7,
    kIOUSBDescriptorSizeSuperSpeedUSBDeviceCapability = 10,
    kIOUSBDescriptorSizeContainerIDCapability = 20,
    kIOUSBDescriptorSizeHubMinimum = 9,
    kIOUSBDescriptorSizeHubMaximum = 21,
    kIOUSBDescriptorSizeSuperSpeedHub = 12,
    kIOUSBDescriptorSizeSuperSpeedUSBEndpointCompanion = 6,
    kIOUSBDescriptorSizeSuperSpeedPlusIsochronousEndpointCompanion = 8,
    kIOUSBDescriptorSizeBillboardDeviceMinimum = 44,
    kIOUSBDescriptorSizeBillboardDeviceMaximum = 256,
    kIOUSBDescriptorSizePlatformECIDCapability = 28,
    kIOUSBDescriptorSizePlatformCapability = 20,
};
typedef enum tIOUSBDescriptorSize tIOUSBDescriptorSize;

/// How every descriptor begins.
struct IOUSBDescriptorHeader {
    uint8_t bLength;
    uint8_t bDescriptorType;
} __attribute__((packed));
typedef struct IOUSBDescriptorHeader IOUSBDescriptorHeader;
typedef IOUSBDescriptorHeader IOUSBDescriptor;

/// USB 2.0, 9.6.1.
struct IOUSBDeviceDescriptor {
    uint8_t bLength;
    uint8_t bDescriptorType;
    uint16_t bcdUSB;
    uint8_t bDeviceClass;
    uint8_t bDeviceSubClass;
    uint8_t bDeviceProtocol;
    uint8_t bMaxPacketSize0;
    uint16_t idVendor;
    uint16_t idProduct;
    uint16_t bcdDevice;
    uint8_t iManufacturer;
    uint8_t iProduct;
    uint8_t iSerialNumber;
    uint8_t bNumConfigurations;
} __attribute__((packed));
typedef struct IOUSBDeviceDescriptor IOUSBDeviceDescriptor;

/// USB 2.0, 9.6.2: the device as it would be at its other speed.
struct IOUSBDeviceQualifierDescriptor {
    uint8_t bLength;
    uint8_t bDescriptorType;
    uint16_t bcdUSB;
    uint8_t bDeviceClass;
    uint8_t bDeviceSubClass;
    uint8_t bDeviceProtocol;
    uint8_t bMaxPacketSize0;
    uint8_t bNumConfigurations;
    uint8_t bReserved;
} __attribute__((packed));
typedef struct IOUSBDeviceQualifierDescriptor IOUSBDeviceQualifierDescriptor;

/// The start of a configuration descriptor: how many bytes there are of it.
struct IOUSBConfigurationDescHeader {
    uint8_t bLength;
    uint8_t bDescriptorType;
    uint16_t wTotalLength;
} __attribute__((packed));
typedef struct IOUSBConfigurationDescHeader IOUSBConfigurationDescHeader;

/// USB 2.0, 9.6.3. Interfaces and endpoints follow it: wTotalLength bytes in all.
struct IOUSBConfigurationDescriptor {
    uint8_t bLength;
    uint8_t bDescriptorType;
    uint16_t wTotalLength;
    uint8_t bNumInterfaces;
    uint8_t bConfigurationValue;
    uint8_t iConfiguration;
    uint8_t bmAttributes;
    uint8_t MaxPower;
} __attribute__((packed));
typedef struct IOUSBConfigurationDescriptor IOUSBConfigurationDescriptor;

/// Bits of IOUSBConfigurationDescriptor::bmAttributes.
enum {
    kIOUSBConfigurationDescriptorAttributeRemoteWakeCapable = IOUSBBit(5),
    kIOUSBConfigurationDescriptorAttributeSelfPowered = IOUSBBit(6),
};

/// USB 2.0, 9.6.5.
struct IOUSBInterfaceDescriptor {
    uint8_t bLength;
    uint8_t bDescriptorType;
    uint8_t bInterfaceNumber;
    uint8_t bAlternateSetting;
    uint8_t bNumEndpoints;
    uint8_t bInterfaceClass;
    uint8_t bInterfaceSubClass;
    uint8_t bInterfaceProtocol;
    uint8_t iInterface;
} __attribute__((packed));
typedef struct IOUSBInterfaceDescriptor IOUSBInterfaceDescriptor;

/// USB 2.0, 9.6.6.
struct IOUSBEndpointDescriptor {
    uint8_t bLength;
    uint8_t bDescriptorType;
    uint8_t bEndpointAddress;
    uint8_t bmAttributes;
    uint16_t wMaxPacketSize;
    uint8_t bInterval;
} __attribute__((packed));
typedef struct IOUSBEndpointDescriptor IOUSBEndpointDescriptor;

/// Fields of an endpoint descriptor: masks, shifts, values.
enum {
    // bEndpointAddress
    kIOUSBEndpointDescriptorNumber = IOUSBBitRange(0, 3),
    kIOUSBEndpointDescriptorNumberPhase = IOUSBBitRangePhase(0, 3),
    kIOUSBEndpointDescriptorEndpointAddressReserved = IOUSBBitRange(4, 6),
    kIOUSBEndpointDescriptorDirection = IOUSBBit(7),
    kIOUSBEndpointDescriptorDirectionPhase = IOUSBBitRangePhase(7, 7),
    kIOUSBEndpointDescriptorDirectionOut = 0,
    kIOUSBEndpointDescriptorDirectionIn = IOUSBBit(7),
    // bmAttributes
    kIOUSBEndpointDescriptorTransferType = IOUSBBitRange(0, 1),
    kIOUSBEndpointDescriptorTransferTypePhase = IOUSBBitRangePhase(0, 1),
    kIOUSBEndpointDescriptorTransferTypeControl = (0 << IOUSBBitRangePhase(0, 1)),
    kIOUSBEndpointDescriptorTransferTypeIsochronous = (1 << IOUSBBitRangePhase(0, 1)),
    kIOUSBEndpointDescriptorTransferTypeBulk = (2 << IOUSBBitRangePhase(0, 1)),
    kIOUSBEndpointDescriptorTransferTypeInterrupt = (3 << IOUSBBitRangePhase(0, 1)),
    kIOUSBEndpointDescriptorSynchronizationType = IOUSBBitRange(2, 3),
    kIOUSBEndpointDescriptorSynchronizationTypePhase = IOUSBBitRangePhase(2, 3),
    kIOUSBEndpointDescriptorSynchronizationTypeNone = (0 << IOUSBBitRangePhase(2, 3)),
    kIOUSBEndpointDescriptorSynchronizationTypeAsynchronous = (1 << IOUSBBitRangePhase(2, 3)),
    kIOUSBEndpointDescriptorSynchronizationTypeAdaptive = (2 << IOUSBBitRangePhase(2, 3)),
    kIOUSBEndpointDescriptorSynchronizationTypeSynchronous = (3 << IOUSBBitRangePhase(2, 3)),
    kIOUSBEndpointDescriptorUsageType = IOUSBBitRange(4, 5),
    kIOUSBEndpointDescriptorUsageTypePhase = IOUSBBitRangePhase(4, 5),
    kIOUSBEndpointDescriptorUsageTypeInterruptPeriodic = (0 << IOUSBBitRangePhase(4, 5)),
    kIOUSBEndpointDescriptorUsageTypeInterruptNotification = (1 << IOUSBBitRangePhase(4, 5)),
    kIOUSBEndpointDescriptorUsageTypeInterruptReserved1 = (2 << IOUSBBitRangePhase(4, 5)),
    kIOUSBEndpointDescriptorUsageTypeInterruptReserved2 = (3 << IOUSBBitRangePhase(4, 5)),
    kIOUSBEndpointDescriptorUsageTypeIsocData = (0 << IOUSBBitRangePhase(4, 5)),
    kIOUSBEndpointDescriptorUsageTypeIsocFeedback = (1 << IOUSBBitRangePhase(4, 5)),
    kIOUSBEndpointDescriptorUsageTypeIsocImplicit = (2 << IOUSBBitRangePhase(4, 5)),
    kIOUSBEndpointDescriptorUsageTypeIsocReserved = (3 << IOUSBBitRangePhase(4, 5)),
    // wMaxPacketSize
    kIOUSBEndpointDescriptorPacketSize = IOUSBBitRange(0, 10),
    kIOUSBEndpointDescriptorPacketSizePhase = IOUSBBitRangePhase(0, 10),
    kIOUSBEndpointDescriptorPacketSizeMult = IOUSBBitRange(11, 12),
    kIOUSBEndpointDescriptorPacketSizeMultPhase = IOUSBBitRangePhase(11, 12),
    kIOUSBEndpointDescriptorReserved = IOUSBBitRange(13, 15),
    kIOUSBEndpointDescriptorReservedPhase = IOUSBBitRangePhase(13, 15),
};

/// Which way an endpoint's data goes.
enum tIOUSBEndpointDirection {
    kIOUSBEndpointDirectionOut = 0,  ///< To the device.
    kIOUSBEndpointDirectionIn = 1,   ///< From the device.
    kIOUSBEndpointDirectionUnknown = 2,
};
typedef enum tIOUSBEndpointDirection tIOUSBEndpointDirection;

/// What an endpoint's transfers are.
enum tIOUSBEndpointType {
    kIOUSBEndpointTypeControl = 0,
    kIOUSBEndpointTypeIsochronous = 1,
    kIOUSBEndpointTypeBulk = 2,
    kIOUSBEndpointTypeInterrupt = 3,
};
typedef enum tIOUSBEndpointType tIOUSBEndpointType;

/// How an isochronous endpoint keeps time.
enum tIOUSBEndpointSynchronizationType {
    kIOUSBEndpointSynchronizationTypeNone = 0,
    kIOUSBEndpointSynchronizationTypeAsynchronous = 1,
    kIOUSBEndpointSynchronizationTypeAdaptive = 2,
    kIOUSBEndpointSynchronizationTypeSynchronous = 3,
};
typedef enum tIOUSBEndpointSynchronizationType tIOUSBEndpointSynchronizationType;

/// What an isochronous endpoint carries.
enum tIOUSBEndpointUsageType {
    kIOUSBEndpointUsageTypeIsocData = 0,
    kIOUSBEndpointUsageTypeIsocFeedback = 1,
    kIOUSBEndpointUsageTypeIsocImplicit = 2,
};
typedef enum tIOUSBEndpointUsageType tIOUSBEndpointUsageType;

/// Languages of strings.
enum tIOUSBLanguageID {
    kIOUSBLanguageIDEnglishUS = 0x0409,
};
typedef enum tIOUSBLanguageID tIOUSBLanguageID;

/// USB 2.0, 9.6.7: bLength - 2 bytes of UTF-16, little-endian, without a terminator.
struct IOUSBStringDescriptor {
    uint8_t bLength;
    uint8_t bDescriptorType;
    uint8_t bString[1];
} __attribute__((packed));
typedef struct IOUSBStringDescriptor IOUSBStringDescriptor;

/// USB 3.1, 9.6.4: several interfaces that make one function.
struct IOUSBInterfaceAssociationDescriptor {
    uint8_t bLength;
    uint8_t bDescriptorType;
    uint8_t bFirstInterface;
    uint8_t bInterfaceCount;
    uint8_t bFunctionClass;
    uint8_t bFunctionSubClass;
    uint8_t bFunctionProtocol;
    uint8_t iFunction;
} __attribute__((packed));
typedef struct IOUSBInterfaceAssociationDescriptor IOUSBInterfaceAssociationDescriptor;

/// USB 3.1, 9.6.7: follows the descriptor of each endpoint at SuperSpeed.
struct IOUSBSuperSpeedEndpointCompanionDescriptor {
    uint8_t bLength;
    uint8_t bDescriptorType;
    uint8_t bMaxBurst;
    uint8_t bmAttributes;
    uint16_t wBytesPerInterval;
} __attribute__((packed));
typedef struct IOUSBSuperSpeedEndpointCompanionDescriptor IOUSBSuperSpeedEndpointCompanionDescriptor;

/// Fields of IOUSBSuperSpeedEndpointCompanionDescriptor.
enum {
    kIOUSBSuperSpeedEndpointCompanionDescriptorMaxBurst = IOUSBBitRange(0, 4),
    kIOUSBSuperSpeedEndpointCompanionDescriptorMaxBurstPhase = IOUSBBitRangePhase(0, 4),
    // bmAttributes
    kIOUSBSuperSpeedEndpointCompanionDescriptorBulkMaxStreams = IOUSBBitRange(0, 4),
    kIOUSBSuperSpeedEndpointCompanionDescriptorBulkMaxStreamsPhase = IOUSBBitRangePhase(0, 4),
    kIOUSBSuperSpeedEndpointCompanionDescriptorBulkReserved = IOUSBBitRange(5, 7),
    kIOUSBSuperSpeedEndpointCompanionDescriptorBulkReservedPhase = IOUSBBitRangePhase(5, 7),
    kIOUSBSuperSpeedEndpointCompanionDescriptorIsocMult = IOUSBBitRange(0, 1),
    kIOUSBSuperSpeedEndpointCompanionDescriptorIsocMultPhase = IOUSBBitRangePhase(0, 1),
    kIOUSBSuperSpeedEndpointCompanionDescriptorIsocReserved = IOUSBBitRange(2, 6),
    kIOUSBSuperSpeedEndpointCompanionDescriptorIsocReservedPhase = IOUSBBitRangePhase(2, 6),
    kIOUSBSuperSpeedEndpointCompanionDescriptorSSPIsocCompanion = IOUSBBit(7),
};

/// USB 3.1, 9.6.8.
struct IOUSBSuperSpeedPlusIsochronousEndpointCompanionDescriptor {
    uint8_t bLength;
    uint8_t bDescriptorType;
    uint16_t wReserved;
    uint32_t dwBytesPerInterval;
} __attribute__((packed));
typedef struct IOUSBSuperSpeedPlusIsochronousEndpointCompanionDescriptor
    IOUSBSuperSpeedPlusIsochronousEndpointCompanionDescriptor;

/// USB 2.0, 11.23.2.1.
struct IOUSB20HubDescriptor {
    uint8_t bLength;
    uint8_t bDescriptorType;
    uint8_t bNumberPorts;
    uint16_t wHubCharacteristics;
    uint8_t bPowerOnToPowerGood;
    uint8_t bHubControllerCurrent;
    uint8_t deviceRemovable[2];
    uint8_t reserved[2];
} __attribute__((packed));
typedef struct IOUSB20HubDescriptor IOUSB20HubDescriptor;

/// USB 3.1, 10.15.2.1.
struct IOUSBSuperSpeedHubDescriptor {
    uint8_t bLength;
    uint8_t bDescriptorType;
    uint8_t bNumberPorts;
    uint16_t wHubCharacteristics;
    uint8_t bPowerOnToPowerGood;
    uint8_t bHubControllerCurrent;
    uint8_t bHubDecodeLatency;
    uint16_t wHubDelay;
    uint16_t deviceRemovable;
} __attribute__((packed));
typedef struct IOUSBSuperSpeedHubDescriptor IOUSBSuperSpeedHubDescriptor;

/// Fields of IOUSBSuperSpeedHubDescriptor.
enum {
    kIOUSBSuperSpeedHubCharacteristicsPowerSwitchingMask = IOUSBBitRange(0, 1),
    kIOUSBSuperSpeedHubCharacteristicsPowerSwitchingGanged = (0 << IOUSBBitRangePhase(0, 1)),
    kIOUSBSuperSpeedHubCharacteristicsPowerSwitchingIndividual = (1 << IOUSBBitRangePhase(0, 1)),
    kIOUSBSuperSpeedHubCharacteristicsCompoundDevice = IOUSBBit(2),
    kIOUSBSuperSpeedHubCharacteristicsOverCurrentMask = IOUSBBitRange(3, 4),
    kIOUSBSuperSpeedHubCharacteristicsOverCurrentGlobal = (0 << IOUSBBitRangePhase(3, 4)),
    kIOUSBSuperSpeedHubCharacteristicsOverCurrentIndividual = (1 << IOUSBBitRangePhase(3, 4)),
    kIOUSBSuperSpeedHubCharacteristicsReserved = IOUSBBitRange(5, 15),
    kIOUSBSuperSpeedHubDecodeLatencyMax = 10,
    kIOUSBSuperSpeedHubDelayMax = 400,
};

/// Which pipe of a UAS interface an endpoint is.
struct UASPipeDescriptor {
    uint8_t bLength;
    uint8_t bDescriptorType;
    uint8_t bPipeID;
    uint8_t bReserved;
} __attribute__((packed));
typedef struct UASPipeDescriptor UASPipeDescriptor;

/// HID class, 6.2.1.
struct IOUSBHIDDescriptor {
    uint8_t descLen;
    uint8_t descType;
    uint16_t descVersNum;
    uint8_t hidCountryCode;
    uint8_t hidNumDescriptors;
    uint8_t hidDescriptorType;
    uint8_t hidDescriptorLengthLo;
    uint8_t hidDescriptorLengthHi;
} __attribute__((packed));
typedef struct IOUSBHIDDescriptor IOUSBHIDDescriptor;

/// One further descriptor that an IOUSBHIDDescriptor lists.
struct IOUSBHIDReportDesc {
    uint8_t hidDescriptorType;
    uint8_t hidDescriptorLengthLo;
    uint8_t hidDescriptorLengthHi;
} __attribute__((packed));
typedef struct IOUSBHIDReportDesc IOUSBHIDReportDesc;

/// The functional descriptor of the firmware update class.
struct IOUSBDFUDescriptor {
    uint8_t bLength;
    uint8_t bDescriptorType;
    uint8_t bmAttributes;
    uint16_t wDetachTimeout;
    uint16_t wTransferSize;
} __attribute__((packed));
typedef struct IOUSBDFUDescriptor IOUSBDFUDescriptor;

#endif
