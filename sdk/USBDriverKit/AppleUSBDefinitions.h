// SPDX-License-Identifier: Apache-2.0
/// @file AppleUSBDefinitions.h
/// What the USB specifications define: descriptors, requests, and constants. Fields of more than one byte are
/// little-endian: read them with USBToHost16 and USBToHost32.
#ifndef OPENDEXT_USBDRIVERKIT_APPLEUSBDEFINITIONS_H
#define OPENDEXT_USBDRIVERKIT_APPLEUSBDEFINITIONS_H

#include <USBDriverKit/AppleUSBCapabilities.h>
#include <USBDriverKit/AppleUSBDescriptors.h>

// Bits a second.
#define kIOUSB30Bitrate5Gbps (5 * 1000 * 1000 * 1000ULL)
#define kIOUSB30Bitrate10Gbps (10 * 1000 * 1000 * 1000ULL)
#define kIOUSB32Bitrate20Gbps (20 * 1000 * 1000 * 1000ULL)

enum {
    kIOUSBAppleVendorID = 0x05AC,
};

/// USB 2.0, 9.3: the eight bytes of a setup packet.
struct IOUSBDeviceRequest {
    uint8_t bmRequestType;
    uint8_t bRequest;
    uint16_t wValue;
    uint16_t wIndex;
    uint16_t wLength;
} __attribute__((packed));
typedef struct IOUSBDeviceRequest IOUSBDeviceRequest;

/// The data of the SET_SEL request, in microseconds (USB 3.1, 9.4.12).
struct IOUSBDeviceRequestSetSELData {
    uint8_t u1Sel;
    uint8_t u1Pel;
    uint16_t u2Sel;
    uint16_t u2Pel;
} __attribute__((packed));
typedef struct IOUSBDeviceRequestSetSELData IOUSBDeviceRequestSetSELData;

/// Which way a request's data goes.
enum tIOUSBDeviceRequestDirectionValue {
    kIOUSBDeviceRequestDirectionValueOut = 0,  ///< To the device.
    kIOUSBDeviceRequestDirectionValueIn = 1,   ///< From the device.
};
typedef enum tIOUSBDeviceRequestDirectionValue tIOUSBDeviceRequestDirectionValue;

/// Who has defined a request.
enum tIOUSBDeviceRequestTypeValue {
    kIOUSBDeviceRequestTypeValueStandard = 0,
    kIOUSBDeviceRequestTypeValueClass = 1,
    kIOUSBDeviceRequestTypeValueVendor = 2,
};
typedef enum tIOUSBDeviceRequestTypeValue tIOUSBDeviceRequestTypeValue;

/// Whom in the device a request is for.
enum tIOUSBDeviceRequestRecipientValue {
    kIOUSBDeviceRequestRecipientValueDevice = 0,
    kIOUSBDeviceRequestRecipientValueInterface = 1,
    kIOUSBDeviceRequestRecipientValueEndpoint = 2,
    kIOUSBDeviceRequestRecipientValueOther = 3,
};
typedef enum tIOUSBDeviceRequestRecipientValue tIOUSBDeviceRequestRecipientValue;

/// bmRequestType: combine one direction, one type and one recipient.
enum tIOUSBDeviceRequest {
    kIOUSBDeviceRequestSize = 8,
    kIOUSBDeviceRequestDirectionMask = IOUSBBit(7),
    kIOUSBDeviceRequestDirectionPhase = IOUSBBitRangePhase(7, 7),
    kIOUSBDeviceRequestDirectionOut = (0 << IOUSBBitRangePhase(7, 7)),
    kIOUSBDeviceRequestDirectionIn = (1 << IOUSBBitRangePhase(7, 7)),
    kIOUSBDeviceRequestTypeMask = IOUSBBitRange(5, 6),
    kIOUSBDeviceRequestTypePhase = IOUSBBitRangePhase(5, 6),
    kIOUSBDeviceRequestTypeStandard = (0 << IOUSBBitRangePhase(5, 6)),
    kIOUSBDeviceRequestTypeClass = (1 << IOUSBBitRangePhase(5, 6)),
    kIOUSBDeviceRequestTypeVendor = (2 << IOUSBBitRangePhase(5, 6)),
    kIOUSBDeviceRequestRecipientMask = IOUSBBitRange(0, 4),
    kIOUSBDeviceRequestRecipientPhase = IOUSBBitRangePhase(0, 4),
    kIOUSBDeviceRequestRecipientDevice = (0 << IOUSBBitRangePhase(0, 4)),
    kIOUSBDeviceRequestRecipientInterface = (1 << IOUSBBitRangePhase(0, 4)),
    kIOUSBDeviceRequestRecipientEndpoint = (2 << IOUSBBitRangePhase(0, 4)),
    kIOUSBDeviceRequestRecipientOther = (3 << IOUSBBitRangePhase(0, 4)),
};

/// bRequest of standard requests.
enum {
    kIOUSBDeviceRequestGetStatus = 0,
    kIOUSBDeviceRequestClearFeature = 1,
    kIOUSBDeviceRequestGetState = 2,
    kIOUSBDeviceRequestSetFeature = 3,
    kIOUSBDeviceRequestSetAddress = 5,
    kIOUSBDeviceRequestGetDescriptor = 6,
    kIOUSBDeviceRequestSetDescriptor = 7,
    kIOUSBDeviceRequestGetConfiguration = 8,
    kIOUSBDeviceRequestSetConfiguration = 9,
    kIOUSBDeviceRequestGetInterface = 10,
    kIOUSBDeviceRequestSetInterface = 11,
    kIOUSBDeviceRequestSynchFrame = 12,
    kIOUSBDeviceRequestSetSel = 48,
    kIOUSBDeviceRequestSetIsochronousDelay = 49,
};

/// Answers to GET_STATUS.
enum {
    kIOUSBDeviceStatusSelfPowered = IOUSBBit(0),
    kIOUSBDeviceStatusRemoteWakeEnable = IOUSBBit(1),
    kIOUSBDeviceStatusU1Enable = IOUSBBit(2),
    kIOUSBDeviceStatusU2Enable = IOUSBBit(3),
    kIOUSBDeviceStatusLTMEnable = IOUSBBit(4),
    kIOUSBInterfaceStatusRemoteWakeCapable = IOUSBBit(0),
    kIOUSBInterfaceStatusRemoteWakeEnable = IOUSBBit(1),
    IOUSBEndpointStatusHalt = IOUSBBit(0),
};

/// wValue of SET_FEATURE and CLEAR_FEATURE.
enum {
    kIOUSBDeviceFeatureSelectorRemoteWakeup = 1,
    kIOUSBDeviceFeatureSelectorTestMode = 2,
    kIOUSBDeviceFeatureSelectorU1Enable = 48,
    kIOUSBDeviceFeatureSelectorU2Enable = 49,
    kIOUSBDeviceFeatureSelectorLTMEnable = 50,
    kIOUSBInterfaceFeatureSelectorSuspend = 0,
    IOUSBEndpointFeatureSelectorStall = 0,
};

/// Options of the suspend feature of an interface.
enum {
    kIOUSBInterfaceSuspendLowPower = IOUSBBit(0),
    kIOUSBInterfaceSuspendRemoteWakeEnable = IOUSBBit(1),
};

/// Latencies in nanoseconds.
enum {
    kIOUSBHubPort2PortExitLatencyNs = 1000,
    kIOUSBHubDelayNs = 400,
    kIOUSBPingResponseTimeNs = 400,
};

/// Volts.
enum tIOUSBBusVoltage {
    kIOUSBBusVoltageDefault = 5,
};

/// Milliamperes of a USB 2.0 port, and what one unit of MaxPower stands for.
enum tIOUSB20BusCurrent {
    kIOUSB20BusCurrentMinimum = 100,
    kIOUSB20BusCurrentDefault = 500,
    kIOUSB20BusCurrentMaxPowerUnits = 2,
};

/// Milliamperes of a USB 3 port, and what one unit of MaxPower stands for.
enum tIOUSB30BusCurrent {
    kIOUSB30BusCurrentMinimum = 150,
    kIOUSB30BusCurrentDefault = 900,
    kIOUSB30BusCurrentMaxPowerUnits = 8,
};

/// Duration of a warm reset, in milliseconds.
enum tIOUSB30ResetTimeout {
    kIOUSB30ResetMinimumTimeout = 80,
    kIOUSB30ResetTypicalTimeout = 100,
    kIOUSB30ResetMaximumTimeout = 120,
    kIOUSB30ResetMaximumWithMarginTimeout = 150,
};

/// Times of a link's states, in milliseconds.
enum tIOUSB30LinkStateTimeout {
    kIOUSB30LinkStateSSInactiveQuietTimeout = 12,
    kIOUSB30LinkStateRxDetectQuietTimeout = 12,
    kIOUSB30LinkStatePollingLFPSTimeout = 360,
    kIOUSB30LinkStatePollingActiveTimeout = 12,
    kIOUSB30LinkStatePollingConfigurationTimeout = 12,
    kIOUSB30LinkStatePollingIdleTimeout = 2,
    kIOUSB30LinkStateU0RecoveryTimeout = 1,
    kIOUSB30LinkStateU0LTimeout = 0,  ///< 10 microseconds.
    kIOUSB30LinkStateU1NoLFPSResponseTimeout = 2,
    kIOUSB30LinkStateU1PingTimeout = 300,
    kIOUSB30LinkStateU2NoLFPSResponseTimeout = 2,
    kIOUSB30LinKStateU2RxDetectDelay = 100,  ///< Spelt so.
    kIOUSB30LinkStateU3NoLFPSResponseTimeout = 10,
    kIOUSB30LinkStateU3WakeupRetryDelay = 100,
    kIOUSB30LinkStateU3RxDetectDelay = 100,
    kIOUSB30LinkStateRecoveryActiveTimeout = 12,
    kIOUSB30LinkStateRecoveryConfigurationTimeout = 6,
    kIOUSB30LinkStateRecoveryIdleTimeout = 2,
    kIOUSB30LinkStateLoopbackExitTimeout = 2,
    kIOUSB30LinkStateHotResetActiveTimeout = 12,
    kIOUSB30LinkStateHotResetExistTimeout = 2,
    kIOUSB30LinkStatePollingDeadline = 387,
    kIOUSB30LinkStateSSResumeDeadline = 30,
};

/// What a SuperSpeed device notifies its host of.
enum tIOUSB30DeviceNotificationType {
    kIOUSB30DeviceNotificationTypeFunctionWake = 1,
    kIOUSB30DeviceNotificationTypeLatencyTolerance = 2,
    kIOUSB30DeviceNotificationTypeBusIntervalAdjustment = 3,
    kIOUSB30DeviceNotificationTypeHostRoleRequest = 4,
    kIOUSB30DeviceNotificationTypeSublinkSpeed = 5,
};

/// Best effort latency tolerance, in nanoseconds.
enum tIOUSB30TimingParameters {
    kIOUSB30TimingParameterBELTDefaultNs = 1 * 1000 * 1000,
    kIOUSB30TimingParameterBELTMinNs = 125 * 1000,
};

/// What GET_PORT_STATUS asks for.
enum tIOUSB30HubPortStatusCode {
    kIOUSB30HubPortStatusCodeStandard = 0,
    kIOUSB30HubPortStatusCodePD = 1,
    kIOUSB30HubPortStatusCodeExt = 2,
    kIOUSB30HubPortStatusCodeCount = 3,
};

/// USB 3.1, 10.16.2.6.
struct IOUSB30HubPortStatusExt {
    uint16_t wPortStatus;
    uint16_t wPortChange;
    uint32_t dwExtPortStatus;
} __attribute__((packed));

/// Fields of IOUSB30HubPortStatusExt::dwExtPortStatus.
enum tIOUSB30HubExtStatus {
    kIOUSB30HubExtStatusRxSublinkSpeedID = IOUSBBitRange(0, 3),
    kIOUSB30HubExtStatusRxSublinkSpeedIDPhase = IOUSBBitRangePhase(0, 3),
    kIOUSB30HubExtStatusTxSublinkSpeedID = IOUSBBitRange(4, 7),
    kIOUSB30HubExtStatusTxSublinkSpeedIDPhase = IOUSBBitRangePhase(4, 7),
    kIOUSB30HubExtStatusRxLaneCount = IOUSBBitRange(8, 11),
    kIOUSB30HubExtStatusRxLaneCountPhase = IOUSBBitRangePhase(8, 11),
    kIOUSB30HubExtStatusTxLaneCount = IOUSBBitRange(12, 15),
    kIOUSB30HubExtStatusTxLaneCountPhase = IOUSBBitRangePhase(12, 15),
};

#endif
