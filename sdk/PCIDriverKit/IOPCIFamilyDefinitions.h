// SPDX-License-Identifier: Apache-2.0
/// @file IOPCIFamilyDefinitions.h
/// Constants of PCI: registers of configuration space and their bits, capability ids, property names.
#ifndef OPENDEXT_PCIDRIVERKIT_IOPCIFAMILYDEFINITIONS_H
#define OPENDEXT_PCIDRIVERKIT_IOPCIFAMILYDEFINITIONS_H

#include <stddef.h>
#include <stdint.h>

#include <DriverKit/IOTypes.h>

// Keys of a personality or matching dictionary. Values: "0xDDDDVVVV&0xMASK ...", several terms separated by
// spaces; DDDD is the device, VVVV the vendor.
#define kIOPCIMatchKey "IOPCIMatch"                    ///< Device or subsystem.
#define kIOPCIPrimaryMatchKey "IOPCIPrimaryMatch"      ///< Device and vendor.
#define kIOPCISecondaryMatchKey "IOPCISecondaryMatch"  ///< Subsystem and its vendor.
#define kIOPCIClassMatchKey \
    "IOPCIClassMatch"  ///< Class code << 8; the mask is 0xffffff00 by default.

// Properties of a device: registers of its capabilities.
#define kIOPCIExpressCapabilitiesKey "IOPCIExpressCapabilities"
#define kIOPCIExpressLinkStatusKey "IOPCIExpressLinkStatus"
#define kIOPCIExpressLinkCapabilitiesKey "IOPCIExpressLinkCapabilities"
#define kIOPCIExpressDeviceCapabilitiesKey "IOPCIExpressDeviceCapabilities"
#define kIOPCIExpressSlotStatusKey "IOPCIExpressSlotStatus"
#define kIOPCIExpressSlotCapabilitiesKey "IOPCIExpressSlotCapabilities"
#define kIOPCIExpressRootCapabilitiesKey "IOPCIExpressRootCapabilities"
#define kIOPCIExpressDeviceCapabilities2Key "IOPCIExpressDeviceCapabilities2"
#define kIOPCIExpressLinkCapabilities2Key "IOPCIExpressLinkCapabilities2"
#define kIOPCIExpressSlotCapabilities2Key "IOPCIExpressSlotCapabilities2"
#define kIOPCIPowerManagementCapabilitiesKey "IOPCIPowerManagementCapabilities"
#define kIOPCIMSIMessageControlKey "IOPCIMSIMessageControl"
#define kIOPCIMSIXMessageControlKey "IOPCIMSIXMessageControl"
#define kIOPCIACSCapabilitiesKey "IOPCIACSCapabilities"
#define kIOPCIL1PMCapabilitiesKey "IOPCIL1PMCapabilities"
#define kIOPCIAERCapabilitiesKey "IOPCIAERCapabilities"
#define kIOPCIFPBCapabilitiesKey "IOPCIFPBCapabilities"
#define kIOPCIPTMCapabilitiesKey "IOPCIPTMCapabilities"

// Other properties of a device.
#define kIOPCIDeviceMemoryArrayKey "IODeviceMemory"
#define kIOPCIDeviceMemoryMapBase "IOPCIDeviceMemoryMapBase"
#define kIOPCIDeviceMemoryMapSize "IOPCIDeviceMemoryMapSize"
#define kIOPCIDeviceMapperPageSize "IOPCIDeviceMapperPageSize"
#define kIOPCIDeviceCrashResetType "IOPCIDeviceCrashResetType"

// Thunderbolt.
#define kIOPCITunnelCompatibleKey "IOPCITunnelCompatible"
#define kIOPCITunnelledKey "IOPCITunnelled"
#define kIOPCITunnelL1EnableKey "IOPCITunnelL1Enable"
#define kIOPCITunnelRootDeviceModelIDKey "IOPCITunnelRootDeviceModelID"
#define kIOPCITunnelRootDeviceVendorIDKey "IOPCITunnelRootDeviceVendorID"
#define kIOPCIPauseCompatibleKey "IOPCIPauseCompatible"

// Properties that a driver may set on its device: booleans.
#define kIOPMPCIConfigSpaceVolatileKey "IOPMPCIConfigSpaceVolatile"
#define kIOPMPCISleepLinkDisableKey "IOPMPCISleepLinkDisable"
#define kIOPMPCISleepResetKey "IOPMPCISleepReset"

// Properties of ports.
#define kIOPCIRetrainLinkMaskKey "IOPCIRetrainLinkMask"
#define kIOPCIRetrainLinkKey "IOPCIRetrainLink"
#define kIOPCIEndpointPrsnt "IOPCIEndpointPrsnt"
#define kIOPCIWaitForLinkUpKey "wait-for-link-up"

/// Property of a driver: its memory accesses go through the system, not through a mapping.
#define kIOPCIKernelMemoryAccess "IOPCIKernelMemoryAccess"

/// Bits of an interrupt type, beside kIOInterruptDispatchSourceTypeLevel.
enum {
    kIOInterruptTypePCIMessaged = 0x00010000,   ///< MSI or MSI-X.
    kIOInterruptTypePCIMessagedX = 0x00020000,  ///< MSI-X.
};

/// Registers of configuration space: offsets in bytes.
enum {
    kIOPCIConfigurationOffsetVendorID = 0x00,
    kIOPCIConfigurationOffsetDeviceID = 0x02,
    kIOPCIConfigurationOffsetCommand = 0x04,
    kIOPCIConfigurationOffsetStatus = 0x06,
    kIOPCIConfigurationOffsetRevisionID = 0x08,
    kIOPCIConfigurationOffsetClassCode = 0x09,
    kIOPCIConfigurationOffsetCacheLineSize = 0x0C,
    kIOPCIConfigurationOffsetLatencyTimer = 0x0D,
    kIOPCIConfigurationOffsetHeaderType = 0x0E,
    kIOPCIConfigurationOffsetBIST = 0x0F,
    kIOPCIConfigurationOffsetBaseAddress0 = 0x10,
    kIOPCIConfigurationOffsetBaseAddress1 = 0x14,
    kIOPCIConfigurationOffsetBaseAddress2 = 0x18,
    kIOPCIConfigurationOffsetBaseAddress3 = 0x1C,
    kIOPCIConfigurationOffsetBaseAddress4 = 0x20,
    kIOPCIConfigurationOffsetBaseAddress5 = 0x24,
    kIOPCIConfigurationOffsetCardBusCISPtr = 0x28,
    kIOPCIConfigurationOffsetSubSystemVendorID = 0x2C,
    kIOPCIConfigurationOffsetSubSystemID = 0x2E,
    kIOPCIConfigurationOffsetExpansionROMBase = 0x30,
    kIOPCIConfigurationOffsetCapabilitiesPtr = 0x34,
    kIOPCIConfigurationOffsetInterruptLine = 0x3C,
    kIOPCIConfigurationOffsetInterruptPin = 0x3D,
    kIOPCIConfigurationOffsetMinimumGrant = 0x3E,
    kIOPCIConfigurationOffsetMaximumLatency = 0x3F,
};

/// Bytes of a capability, and capability ids. Ids of extended capabilities are negated.
enum {
    kIOPCICapabilityIDOffset = 0x00,
    kIOPCINextCapabilityOffset = 0x01,

    kIOPCICapabilityIDPowerManagement = 0x01,
    kIOPCICapabilityIDAGP = 0x02,
    kIOPCICapabilityIDVitalProductData = 0x03,
    kIOPCICapabilityIDSlotID = 0x04,
    kIOPCICapabilityIDMSI = 0x05,
    kIOPCICapabilityIDCPCIHotswap = 0x06,
    kIOPCICapabilityIDPCIX = 0x07,
    kIOPCICapabilityIDLDT = 0x08,
    kIOPCICapabilityIDVendorSpecific = 0x09,
    kIOPCICapabilityIDDebugPort = 0x0a,
    kIOPCICapabilityIDCPCIResourceControl = 0x0b,
    kIOPCICapabilityIDHotplug = 0x0c,
    kIOPCICapabilityIDAGP8 = 0x0e,
    kIOPCICapabilityIDSecure = 0x0f,
    kIOPCICapabilityIDPCIExpress = 0x10,
    kIOPCICapabilityIDMSIX = 0x11,
    kIOPCICapabilityIDSATAConfiguration = 0x12,
    kIOPCICapabilityIDAF = 0x13,
    kIOPCICapabilityIDEnhancedAllocation = 0x14,
    kIOPCICapabilityIDFPB = 0x15,

    kIOPCIExpressCapabilityIDErrorReporting = -0x01U,
    kIOPCIExpressCapabilityIDVirtualChannel = -0x02U,
    kIOPCIExpressCapabilityIDDeviceSerialNumber = -0x03U,
    kIOPCIExpressCapabilityIDPowerBudget = -0x04U,
    kIOPCIExpressCapabilityIDRCLinkDeclaration = -0x05U,
    kIOPCIExpressCapabilityIDRCInternalLinkCtrl = -0x06U,
    kIOPCIExpressCapabilityIDRCECEndpointAssociation = -0x07U,
    kIOPCIExpressCapabilityIDMFVC = -0x08U,
    kIOPCIExpressCapabilityIDVC_MFVCPresent = -0x09U,
    kIOPCIExpressCapabilityIDRootComplexRegBlock = -0x0AU,
    kIOPCIExpressCapabilityIDVSEC = -0x0BU,
    kIOPCIExpressCapabilityIDCAC = -0x0CU,
    kIOPCIExpressCapabilityIDAccessControlServices = -0x0DU,
    kIOPCIExpressCapabilityIDAlternativeRoutingID = -0x0EU,
    kIOPCIExpressCapabilityIDATS = -0x0FU,
    kIOPCIExpressCapabilityIDSRIOV = -0x10U,
    kIOPCIExpressCapabilityIDMRIOV = -0x11U,
    kIOPCIExpressCapabilityIDMulticast = -0x12U,
    kIOPCIExpressCapabilityIDPRI = -0x13U,
    kIOPCIExpressCapabilityIDAMD = -0x14U,
    kIOPCIExpressCapabilityIDResizableBAR = -0x15U,
    kIOPCIExpressCapabilityIDDPA = -0x16U,
    kIOPCIExpressCapabilityIDTPHRequester = -0x17U,
    kIOPCIExpressCapabilityIDLatencyTolerenceReporting = -0x18U,
    kIOPCIExpressCapabilityIDSPCIe = -0x19U,
    kIOPCIExpressCapabilityIDPMUX = -0x1AU,
    kIOPCIExpressCapabilityIDPASID = -0x1BU,
    kIOPCIExpressCapabilityIDLNR = -0x1CU,
    kIOPCIExpressCapabilityIDDPC = -0x1DU,
    kIOPCIExpressCapabilityIDL1PMSubstates = -0x1EU,
    kIOPCIExpressCapabilityIDPrecisionTimeManagement = -0x1FU,
    kIOPCIExpressCapabilityIDMPCIe = -0x20U,
    kIOPCIExpressCapabilityIDFRSQueueing = -0x21U,
    kIOPCIExpressCapabilityIDReadinessTimeReporting = -0x22U,
    kIOPCIExpressCapabilityIDDVSEC = -0x23U,
    kIOPCIExpressCapabilityIDVFResizableBAR = -0x24U,
    kIOPCIExpressCapabilityIDDataLinkFeature = -0x25U,
    kIOPCIExpressCapabilityIDPL16GTs = -0x26U,
    kIOPCIExpressCapabilityIDLaneMarginingRx = -0x27U,
    kIOPCIExpressCapabilityIDHierarchyID = -0x28U,
    kIOPCIExpressCapabilityIDNPEM = -0x29U,
    kIOPCIExpressCapabilityIDPL32GTs = -0x2AU,
    kIOPCIExpressCapabilityIDAlternateProtocol = -0x2BU,
    kIOPCIExpressCapabilityIDSFI = -0x2CU,
};

/// Bits of the command register.
enum {
    kIOPCICommandIOSpace = 0x0001,
    kIOPCICommandMemorySpace = 0x0002,
    kIOPCICommandBusLead = 0x0004,
    kIOPCICommandBusMaster = kIOPCICommandBusLead,
    kIOPCICommandSpecialCycles = 0x0008,
    kIOPCICommandMemWrInvalidate = 0x0010,
    kIOPCICommandPaletteSnoop = 0x0020,
    kIOPCICommandParityError = 0x0040,
    kIOPCICommandAddressStepping = 0x0080,
    kIOPCICommandSERR = 0x0100,
    kIOPCICommandFastBack2Back = 0x0200,
    kIOPCICommandInterruptDisable = 0x0400,
};

/// Bits of the status register.
enum {
    kIOPCIStatusInterrupt = 0x0008,
    kIOPCIStatusCapabilities = 0x0010,
    kIOPCIStatusPCI66 = 0x0020,
    kIOPCIStatusUDF = 0x0040,
    kIOPCIStatusFastBack2Back = 0x0080,
    kIOPCIStatusDevSel0 = 0x0000,
    kIOPCIStatusDevSel1 = 0x0200,
    kIOPCIStatusDevSel2 = 0x0400,
    kIOPCIStatusDevSel3 = 0x0600,
    kIOPCIStatusTargetAbortCapable = 0x0800,
    kIOPCIStatusTargetAbortActive = 0x1000,
    kIOPCIStatusLeadAbortActive = 0x2000,
    kIOPCIStatusMasterAbortActive = kIOPCIStatusLeadAbortActive,
    kIOPCIStatusSERRActive = 0x4000,
    kIOPCIStatusParityErrActive = 0x8000,
};

/// Registers of a PCI to PCI bridge.
enum {
    kPCI2PCIOffsetPrimaryBus = 0x18,
    kPCI2PCIOffsetSecondaryBus = 0x19,
    kPCI2PCIOffsetSubordinateBus = 0x1a,
    kPCI2PCIOffsetSecondaryLT = 0x1b,
    kPCI2PCIOffsetIORange = 0x1c,
    kPCI2PCIOffsetMemoryRange = 0x20,
    kPCI2PCIOffsetPrefetchMemoryRange = 0x24,
    kPCI2PCIOffsetPrefetchUpperBase = 0x28,
    kPCI2PCIOffsetPrefetchUpperLimit = 0x2c,
    kPCI2PCIOffsetUpperIORange = 0x30,
    kPCI2PCIOffsetBridgeControl = 0x3e,
};

/// Bits of the power management capabilities register.
enum {
    kPCIPMCPMESupportFromD3Cold = 0x8000,
    kPCIPMCPMESupportFromD3Hot = 0x4000,
    kPCIPMCPMESupportFromD2 = 0x2000,
    kPCIPMCPMESupportFromD1 = 0x1000,
    kPCIPMCPMESupportFromD0 = 0x0800,
    kPCIPMCD2Support = 0x0400,
    kPCIPMCD1Support = 0x0200,
    kPCIPMCD3Support = 0x0001,
};

/// Bits of the power management control and status register.
enum {
    kPCIPMCSPMEStatus = 0x8000,
    kPCIPMCSPMEEnable = 0x0100,
    kPCIPMCSPowerStateMask = 0x0003,
    kPCIPMCSPowerStateD3 = 0x0003,
    kPCIPMCSPowerStateD2 = 0x0002,
    kPCIPMCSPowerStateD1 = 0x0001,
    kPCIPMCSPowerStateD0 = 0x0000,
    kPCIPMCSDefaultEnableBits = (~(IOOptionBits)0),
    kPCIPMCSPMEDisableInS3 = 0x00010000,
    kPCIPMCSPMEWakeReason = 0x00020000,
};

/// Bits of a slot's capabilities.
enum {
    kIOPCISlotCapabilitiesBitAttentionButtonPresent = (1 << 0),
    kIOPCISlotCapabilitiesBitPowerControllerPresent = (1 << 1),
    kIOPCISlotCapabilitiesBitMRLSensorPresent = (1 << 2),
    kIOPCISlotCapabilitiesBitAttentionIndicatorPresent = (1 << 3),
    kIOPCISlotCapabilitiesBitPowerIndicatorPresent = (1 << 4),
    kIOPCISlotCapabilitiesBitHotPlugSurprise = (1 << 5),
    kIOPCISlotCapabilitiesBitHotPlugCapable = (1 << 6),
    kIOPCISlotCapabilitiesBitElectromechanicalInterlockPresent = (1 << 17),
    kIOPCISlotCapabilitiesBitNoCommandCompletedSupport = (1 << 18),
};

/// Bits of a slot's status.
enum {
    kIOPCISlotStatusAttentionButtonPressed = (1 << 0),
    kIOPCISlotStatusPowerFaultDetected = (1 << 1),
    kIOPCISlotStatusMRLSensorChanged = (1 << 2),
    kIOPCISlotStatusPresenceDetectChanged = (1 << 3),
    kIOPCISlotStatusCommandCompleted = (1 << 4),
    kIOPCISlotStatusMRLSensorState = (1 << 5),
    kIOPCISlotStatusPresenceDetectState = (1 << 6),
    kIOPCISlotStatusElectromechanicalInterlockState = (1 << 7),
    kIOPCISlotStatusDataLinkLayerStateChanged = (1 << 8),
};

/// Registers of the advanced error reporting capability, relative to it.
enum {
    kIOPCIAERCapCapHeaderOffset = 0x0,
    kIOPCIAERCapUncErrStatusOffset = 0x4,
    kIOPCIAERCapUncErrMaskOffset = 0x8,
    kIOPCIAERCapUncErrSeverityOffset = 0xC,
    kIOPCIAERCapCorErrStatusOffset = 0x10,
    kIOPCIAERCapCorErrMaskOffset = 0x14,
    kIOPCIAERCapCapControlOffset = 0x18,
    kIOPCIAERCapHdrLogDW0Offset = 0x1C,
    kIOPCIAERCapHdrLogDW1Offset = 0x20,
    kIOPCIAERCapHdrLogDW2Offset = 0x24,
    kIOPCIAERCapHdrLogDW3Offset = 0x28,
    kIOPCIAERCapRootErrCmdOffset = 0x2C,
    kIOPCIAERCapRootErrStatusOffset = 0x30,
    kIOPCIAERCapErrSourceIDOffset = 0x34,
    kIOPCIAERCapTLPPrefixLogDW0Offset = 0x38,
    kIOPCIAERCapTLPPrefixLogDW1Offset = 0x3C,
    kIOPCIAERCapTLPPrefixLogDW2Offset = 0x40,
    kIOPCIAERCapTLPPrefixLogDW3Offset = 0x44,
};

/// Uncorrectable errors: bit numbers.
enum {
    kIOPCIUncorrectableErrorBitDataLinkProtocol = 4,
    kIOPCIUncorrectableErrorBitSurpriseDown = 5,
    kIOPCIUncorrectableErrorBitPoisonedTLP = 12,
    kIOPCIUncorrectableErrorBitFlowControlProtocol = 13,
    kIOPCIUncorrectableErrorBitCompletionTimeout = 14,
    kIOPCIUncorrectableErrorBitCompleterAbort = 15,
    kIOPCIUncorrectableErrorBitUnexpectedCompletion = 16,
    kIOPCIUncorrectableErrorBitReceiverOverflow = 17,
    kIOPCIUncorrectableErrorBitMalformedTLP = 18,
    kIOPCIUncorrectableErrorBitECRC = 19,
    kIOPCIUncorrectableErrorBitUnsupportedRequest = 20,
    kIOPCIUncorrectableErrorBitACSViolation = 21,
    kIOPCIUncorrectableErrorBitInternal = 22,
    kIOPCIUncorrectableErrorBitMCBlockedTLP = 23,
    kIOPCIUncorrectableErrorBitAtomicOpEgressBlocked = 24,
    kIOPCIUncorrectableErrorBitTLPPrefixBlocked = 25,
};

/// Correctable errors: bit numbers.
enum {
    kIOPCICorrectableErrorBitReceiver = 0,
    kIOPCICorrectableErrorBitBadTLP = 6,
    kIOPCICorrectableErrorBitBadDLLP = 7,
    kIOPCICorrectableErrorBitReplayNumRollover = 8,
    kIOPCICorrectableErrorBitReplayTimerTimeout = 12,
    kIOPCICorrectableErrorBitAdvisoryNonFatal = 13,
    kIOPCICorrectableErrorBitCorrectedInternal = 14,
    kIOPCICorrectableErrorBitHeaderLogOverflow = 15,
};

/// Generations of PCI Express.
typedef enum tIOPCILinkSpeed {
    kIOPCILinkSpeed_2_5_GTs = 1,
    kIOPCILinkSpeed_5_GTs,
    kIOPCILinkSpeed_8_GTs,
    kIOPCILinkSpeed_16_GTs,
    kIOPCILinkSpeed_32_GTs,
} tIOPCILinkSpeed;

/// Kinds of reset: one of them.
typedef enum tIOPCIDeviceResetTypes {
    kIOPCIDeviceResetTypeHotReset = 0x00000001,
    kIOPCIDeviceResetTypeWarmReset = 0x00000002,
    kIOPCIDeviceResetTypeWarmResetDisable = 0x00000004,
    kIOPCIDeviceResetTypeWarmResetEnable = 0x00000008,
    kIOPCIDeviceResetTypeFunctionReset = 0x00000010,
} tIOPCIDeviceResetTypes;

typedef enum tIOPCIDeviceResetOptions {
    kIOPCIDeviceResetOptionNone = 0x00000000,
    kIOPCIDeviceResetOptionTerminate = 0x00000001,  ///< The device's services are terminated.
} tIOPCIDeviceResetOptions;

/// Active state power management of a link.
enum tIOPCILinkControlASPMBits {
    kIOPCILinkControlASPMBitsDisabled = 0,
    kIOPCILinkControlASPMBitsL0s = (1 << 0),
    kIOPCILinkControlASPMBitsL1 = (1 << 1),
    kIOPCILinkControlASPMBitsL0sL1 = kIOPCILinkControlASPMBitsL0s | kIOPCILinkControlASPMBitsL1
};

/// Options of memory accesses.
typedef enum tIOPCIAccessOptions {
    kIOPCIAccessLatencyTolerantHint = (1 << 0),  ///< Through the system: slower, and checked.
} tIOPCIAccessOptions;

#endif
