// SPDX-License-Identifier: Apache-2.0
/// @file IOUSBHostFamilyDefinitions.h
/// Result codes, speeds, states of ports, and names of properties of the USB family.
#ifndef OPENDEXT_USBDRIVERKIT_IOUSBHOSTFAMILYDEFINITIONS_H
#define OPENDEXT_USBDRIVERKIT_IOUSBHOSTFAMILYDEFINITIONS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/_types/_uuid_t.h>

#include <DriverKit/IOLib.h>
#include <DriverKit/IOReturn.h>
#include <DriverKit/IOTypes.h>

/// Bit number `bit`, the bits from `start` to `end` (both included), and the shift of the latter.
#define IOUSBHostFamilyBit(bit) ((uint32_t)(1) << (bit))
#define IOUSBHostFamilyBitRange(start, end) \
    ((uint32_t)(((uint32_t)0xFFFFFFFF >> (31 - (end))) & ((uint32_t)0xFFFFFFFF << (start))))
#define IOUSBHostFamilyBitRange64(start, end) \
    ((uint64_t)(((uint64_t)~0ULL >> (63 - (end))) & ((uint64_t)~0ULL << (start))))
#define IOUSBHostFamilyBitRangePhase(start, end) (start)

// Result codes are 0xE0005xxx, those of the family before this one 0xE0004xxx.
#ifndef iokit_family_msg
#define iokit_family_msg(sub, message) ((uint32_t)(sys_iokit | (sub) | (message)))
#endif
#define iokit_usb_codemask IOUSBHostFamilyBitRange(0, 11)
#define iokit_usbhost_group (1 << IOUSBHostFamilyBitRangePhase(12, 13))
#define iokit_usblegacy_group (0 << IOUSBHostFamilyBitRangePhase(12, 13))
#define iokit_usbhost_err(message)              \
    ((IOReturn)(iokit_family_err(sub_iokit_usb, \
                                 iokit_usbhost_group | ((message) & iokit_usb_codemask))))
#define iokit_usbhost_msg(message)              \
    ((uint32_t)(iokit_family_msg(sub_iokit_usb, \
                                 iokit_usbhost_group | ((message) & iokit_usb_codemask))))
#define iokit_usblegacy_err_msg(message) ((uint32_t)(sys_iokit | sub_iokit_usb | (message)))

#define kUSBHostMessageConfigurationSet iokit_usbhost_msg(0x00)     ///< A configuration was set.
#define kUSBHostMessageRenegotiateCurrent iokit_usbhost_msg(0x01)   ///< Bus current has changed.
#define kUSBHostMessageControllerException iokit_usbhost_msg(0x02)  ///< A controller has failed.

#define kUSBHostReturnPipeStalled iokit_usbhost_err(0x0)  ///< 0xE0005000: ClearStall ends it.
#define kUSBHostReturnNoPower iokit_usbhost_err(0x1)      ///< 0xE0005001: too little bus power.

/// How fast a device is connected.
enum tIOUSBHostConnectionSpeed {
    kIOUSBHostConnectionSpeedNone = 0,
    kIOUSBHostConnectionSpeedFull = 1,          ///< 12 Mb/s.
    kIOUSBHostConnectionSpeedLow = 2,           ///< 1.5 Mb/s.
    kIOUSBHostConnectionSpeedHigh = 3,          ///< 480 Mb/s.
    kIOUSBHostConnectionSpeedSuper = 4,         ///< 5 Gb/s.
    kIOUSBHostConnectionSpeedSuperPlus = 5,     ///< 10 Gb/s.
    kIOUSBHostConnectionSpeedSuperPlusBy2 = 6,  ///< 20 Gb/s.
    kIOUSBHostConnectionSpeedCount = 7,
};

/// Kinds of ports.
enum tIOUSBHostPortType {
    kIOUSBHostPortTypeStandard = 0,
    kIOUSBHostPortTypeCaptive,    ///< The device cannot be taken off the port.
    kIOUSBHostPortTypeInternal,   ///< The device is part of the machine.
    kIOUSBHostPortTypeAccessory,  ///< The device may have to authenticate itself.
    kIOUSBHostPortTypeExpressCard,
    kIOUSBHostPortTypeCount,
};

/// Bits of GetPortStatus. Enabled and Suspended mean something only when a device is connected.
enum tIOUSBHostPortStatus {
    kIOUSBHostPortStatusPortTypeMask = IOUSBHostFamilyBitRange(0, 3),
    kIOUSBHostPortStatusPortTypePhase = IOUSBHostFamilyBitRangePhase(0, 3),
    kIOUSBHostPortStatusPortTypeStandard = (kIOUSBHostPortTypeStandard << 0),
    kIOUSBHostPortStatusPortTypeCaptive = (kIOUSBHostPortTypeCaptive << 0),
    kIOUSBHostPortStatusPortTypeInternal = (kIOUSBHostPortTypeInternal << 0),
    kIOUSBHostPortStatusPortTypeAccessory = (kIOUSBHostPortTypeAccessory << 0),
    kIOUSBHostPortStatusPortTypeReserved = IOUSBHostFamilyBitRange(4, 7),
    kIOUSBHostPortStatusConnectedSpeedMask = IOUSBHostFamilyBitRange(8, 10),
    kIOUSBHostPortStatusConnectedSpeedPhase = IOUSBHostFamilyBitRangePhase(8, 10),
    kIOUSBHostPortStatusConnectedSpeedNone = (kIOUSBHostConnectionSpeedNone << 8),
    kIOUSBHostPortStatusConnectedSpeedFull = (kIOUSBHostConnectionSpeedFull << 8),
    kIOUSBHostPortStatusConnectedSpeedLow = (kIOUSBHostConnectionSpeedLow << 8),
    kIOUSBHostPortStatusConnectedSpeedHigh = (kIOUSBHostConnectionSpeedHigh << 8),
    kIOUSBHostPortStatusConnectedSpeedSuper = (kIOUSBHostConnectionSpeedSuper << 8),
    kIOUSBHostPortStatusConnectedSpeedSuperPlus = (kIOUSBHostConnectionSpeedSuperPlus << 8),
    kIOUSBHostPortStatusConnectedSpeedSuperPlusBy2 = (kIOUSBHostConnectionSpeedSuperPlusBy2 << 8),
    kIOUSBHostPortStatusResetting = IOUSBHostFamilyBit(11),
    kIOUSBHostPortStatusEnabled = IOUSBHostFamilyBit(12),
    kIOUSBHostPortStatusSuspended = IOUSBHostFamilyBit(13),
    kIOUSBHostPortStatusOvercurrent = IOUSBHostFamilyBit(14),
    kIOUSBHostPortStatusTestMode = IOUSBHostFamilyBit(15),
};

// Entitlements.
#define kIOUSBTransportDextEntitlement "com.apple.developer.driverkit.transport.usb"
#define kIOUSBHostVMEntitlement "com.apple.vm.device-access"
#define kIOUSBHostControllerInterfaceEntitlement "com.apple.developer.usb.host-controller-interface"

// Classes of entries.
#define kIOUSBHostDeviceClassName "IOUSBHostDevice"
#define kIOUSBHostInterfaceClassName "IOUSBHostInterface"

// Keys of matching dictionaries, and properties of devices and interfaces.
#define kUSBHostMatchingPropertySpeed "USBSpeed"
#define kUSBHostMatchingPropertyPortType "USBPortType"
#define kUSBHostMatchingPropertyVendorID "idVendor"
#define kUSBHostMatchingPropertyProductID "idProduct"
#define kUSBHostMatchingPropertyProductIDMask "idProductMask"
#define kUSBHostMatchingPropertyProductIDArray "idProductArray"
#define kUSBHostMatchingPropertyDeviceClass "bDeviceClass"
#define kUSBHostMatchingPropertyDeviceSubClass "bDeviceSubClass"
#define kUSBHostMatchingPropertyDeviceProtocol "bDeviceProtocol"
#define kUSBHostMatchingPropertyDeviceReleaseNumber "bcdDevice"
#define kUSBHostMatchingPropertyConfigurationValue "bConfigurationValue"
#define kUSBHostMatchingPropertyInterfaceClass "bInterfaceClass"
#define kUSBHostMatchingPropertyInterfaceSubClass "bInterfaceSubClass"
#define kUSBHostMatchingPropertyInterfaceProtocol "bInterfaceProtocol"
#define kUSBHostMatchingPropertyInterfaceNumber "bInterfaceNumber"

// Properties of any entry of the family.
#define kUSBHostPropertyLocationID "locationID"
#define kUSBHostPropertyDebugOptions "kUSBDebugOptions"
#define kUSBHostPropertyWakePowerSupply "kUSBWakePowerSupply"
#define kUSBHostPropertySleepPowerSupply "kUSBSleepPowerSupply"
#define kUSBHostPropertyWakePortCurrentLimit "kUSBWakePortCurrentLimit"
#define kUSBHostPropertySleepPortCurrentLimit "kUSBSleepPortCurrentLimit"
#define kUSBHostPropertyFailedRemoteWake "kUSBFailedRemoteWake"
#define kUSBHostPropertyBusCurrentPoolID "UsbBusCurrentPoolID"
#define kUSBHostPropertySmcBusCurrentPoolID "UsbSmcBusCurrentPoolID"
#define kUSBHostPropertyForcePower "UsbForcePower"
#define kUSBHostPropertyForceLinkSpeed "UsbLinkSpeed"
#define kUSBHostPropertyForceHardwareException "UsbHardwareException"
#define kUSBHostPropertyAllowSoftRetry "UsbAllowSoftRetry"

// Properties of user clients.
#define kUSBHostUserClientPropertyOwningTaskName "UsbUserClientOwningTaskName"
#define kUSBHostUserClientPropertyEntitlementRequired "UsbUserClientEntitlementRequired"
#define kUSBHostUserClientPropertyEnableReset "UsbUserClientEnableReset"
#define kUSBHostUserClientPropertyEnableDataToggleReset "UsbUserClientEnableDataToggleReset"

// Properties of devices.
#define kUSBHostDevicePropertyVendorString "kUSBVendorString"
#define kUSBHostDevicePropertySerialNumberString "kUSBSerialNumberString"
#define kUSBHostDevicePropertyContainerID "kUSBContainerID"
#define kUSBHostDevicePropertyFailedRequestedPower "kUSBFailedRequestedPower"
#define kUSBHostDevicePropertyResumeRecoveryTime "kUSBResumeRecoveryTime"
#define kUSBHostDevicePropertyPreferredConfiguration "kUSBPreferredConfiguration"
#define kUSBHostDevicePropertyPreferredRecoveryConfiguration "kUSBPreferredRecoveryConfiguration"
#define kUSBHostDevicePropertyCurrentConfiguration "kUSBCurrentConfiguration"
#define kUSBHostDevicePropertyRemoteWakeOverride "kUSBRemoteWakeOverride"
#define kUSBHostDevicePropertyConfigurationDescriptorOverride "kUSBConfigurationDescriptorOverride"
#define kUSBHostDevicePropertyDeviceDescriptorOverride "kUSBDeviceDescriptorOverride"
#define kUSBHostDevicePropertyConfigurationCurrentOverride "kUSBConfigurationCurrentOverride"
#define kUSBHostDevicePropertyResetDurationOverride "kUSBResetDurationOverride"
#define kUSBHostDevicePropertyDesiredChargingCurrent "kUSBDesiredChargingCurrent"
#define kUSBHostDevicePropertyDescriptorOverride "kUSBDescriptorOverride"
#define kUSBHostDescriptorOverrideVendorStringIndex "UsbDescriptorOverrideVendorStringIndex"
#define kUSBHostDescriptorOverrideProductStringIndex "UsbDescriptorOverrideProductStringIndex"
#define kUSBHostDescriptorOverrideSerialNumberStringIndex \
    "UsbDescriptorOverrideSerialNumberStringIndex"
#define kUSBHostDevicePropertyDeviceECID "kUSBDeviceECID"
#define kUSBHostDevicePropertyEnableLPM "kUSBHostDeviceEnableLPM"
#define kUSBHostDevicePropertyDisablePortLPM "kUSBHostDeviceDisablePortLPM"
#define kUSBHostDevicePropertyStreamsSupported "UsbStreamsSupported"
#define kUSBHostDevicePropertyAddress "kUSBAddress"
#define kUSBHostDevicePropertyManufacturerStringIndex "iManufacturer"
#define kUSBHostDevicePropertySerialNumberStringIndex "iSerialNumber"
#define kUSBHostDevicePropertyProductStringIndex "iProduct"
#define kUSBHostDevicePropertyProductString "kUSBProductString"
#define kUSBHostDevicePropertyNumConfigs "bNumConfigurations"
#define kUSBHostDevicePropertyMaxPacketSize "bMaxPacketSize0"
#define kUSBHostDevicePropertyStandardVersion "bcdUSB"

// Properties of billboard devices; some are spelt so.
#define kUSBHostBillboardDevicePropertyNumberOfAlternateModes "bNumberOfAlternateModes"
#define kUSBHostBillboardDevicePropertyPreferredAlternateMode "bPreferredAlternateMode"
#define kUSBHostBillboardDevicePropertyVCONNPower "VCONNPower"
#define kUSBHostBillboardDevicePropertyConfigured "bmConfigured"
#define kUSBHostBillboardDevicePropertyAdditionalFailureInfo "bAdditonalFailureInfo"
#define kUSBHostBillboardDevicePropertyBcdVersion "BcdVersion"
#define kUSBHostBillboardDevicePropertySVID "wSVID"
#define kUSBHostBillboardDevicePropertyAlternateMode "bAlternateMode"
#define kUSBHostBillboardDevicePropertyAlternateModeStringIndex "iAlternateModeString"
#define kUSBHostBillboardDevicePropertyAlternateModeString "AlternateModeString"
#define kUSBHostBillboardDevicePropertyAddtionalInfoURLIndex "iAddtionalInfoURL"
#define kUSBHostBillboardDevicePropertyAddtionalInfoURL "AddtionalInfoURL"
#define kUSBHostBillboardDevicePropertydwAlternateModeVdo "dwAlternateModeVdo"

// Properties of interfaces.
#define kUSBHostInterfacePropertyAlternateSetting "bAlternateSetting"
#define kUSBHostInterfacePropertyStringIndex "iInterface"
#define kUSBHostInterfacePropertyString "kUSBString"
#define kUSBHostInterfacePropertyNumEndpoints "bNumEndpoints"

// Properties of ports.
#define kUSBHostPortPropertyStatus "port-status"
#define kUSBHostPortPropertyOvercurrent "UsbHostPortOvercurrent"
#define kUSBHostPortPropertyPortNumber "port"
#define kUSBHostPortPropertyRemovable "removable"
#define kUSBHostPortPropertyTestMode "kUSBTestMode"
#define kUSBHostPortPropertyUsb3ComplianceMode "kUSBHostPortPropertyUsb3ComplianceMode"
#define kUSBHostPortPropertySimulateInterrupt "kUSBSimulateInterrupt"
#define kUSBHostPortPropertyBusCurrentAllocation "kUSBBusCurrentAllocation"
#define kUSBHostPortPropertyBusCurrentSleepAllocation "kUSBBusCurrentSleepAllocation"
#define kUSBHostPortPropertyConnectable "UsbConnectable"
#define kUSBHostPortPropertyConnectorType "UsbConnector"
#define kUSBHostPortPropertyMux "UsbMux"
#define kUSBHostPortPropertyCompanionIndex "kUSBCompanionIndex"
#define kUSBHostPortPropertyDisconnectInterval "kUSBDisconnectInterval"
#define kUSBHostPortPropertyUsbCPortNumber "UsbCPortNumber"
#define kUSBHostPortPropertyCompanionPortNumber "UsbCompanionPortNumber"
#define kUSBHostPortPropertyPowerSource "UsbPowerSource"
#define kUSBHostPortPropertyUSB3Mode "Usb3Mode"
#define kUSBHostPortPropertyExternalDeviceResetController \
    "kUSBHostPortExternalDeviceResetController"
#define kUSBHostPortPropertyExternalDevicePowerController \
    "kUSBHostPortExternalDevicePowerController"
#define kUSBHostPortPropertyCardReader "kUSBHostPortPropertyCardReader"
#define kUSBHostPortPropertyCardReaderValidateDescriptors \
    "kUSBHostPortPropertyCardReaderValidateDescriptors"

// Properties of hubs.
#define kUSBHostHubPropertyPowerSupply "kUSBHubPowerSupply"
#define kUSBHostHubPropertyIdlePolicy "kUSBHubIdlePolicy"
#define kUSBHostHubPropertyStartupDelay "kUSBHubStartupDelay"
#define kUSBHostHubPropertyPortSequenceDelay "kUSBHubPortSequenceDelay"
#define kUSBHostHubPropertyHubPowerSupplyType "kUSBHubPowerSupplyType"
#define kUSBHostHubPropertyGlobalSuspendSupported "UsbHubGlobalSuspendSupported"

// Properties of controllers.
#define kUSBHostControllerPropertyIsochronousRequiresContiguous "kUSBIsochronousRequiresContiguous"
#define kUSBHostControllerPropertySleepSupported "kUSBSleepSupported"
#define kUSBHostControllerPropertyRTD3Supported "UsbRTD3Supported"
#define kUSBHostControllerPropertyMuxEnabled "kUSBMuxEnabled"
#define kUSBHostControllerPropertyCompanion "kUSBCompanion"
#define kUSBHostControllerPropertyLowSpeedCompanion "kUSBLowSpeedCompanion"
#define kUSBHostControllerPropertyFullSpeedCompanion "kUSBFullSpeedCompanion"
#define kUSBHostControllerPropertyHighSpeedCompanion "kUSBHighSpeedCompanion"
#define kUSBHostControllerPropertySuperSpeedCompanion "kUSBSuperSpeedCompanion"
#define kUSBHostControllerPropertyRevision "Revision"
#define kUSBHostControllerPropertyCompanionControllerName "UsbCompanionControllerName"
#define kUSBHostControllerPropertyDisableUSB3LPM "kUSBHostControllerDisableUSB3LPM"
#define kUSBHostControllerPropertyDisableUSB2LPM "kUSBHostControllerDisableUSB2LPM"
#define kUSBHostControllerPropertyDisableWakeSources "UsbHostControllerDisableWakeSources"
#define kUSBHostControllerPropertyPersistFullSpeedIsochronous \
    "UsbHostControllerPersistFullSpeedIsochronous"
#define kUSBHostControllerPropertyDeferRegisterService "UsbHostControllerDeferRegisterService"
#define kUSBHostControllerPropertyStreamPolicy "UsbHostControllerStreamPolicy"
#define kUSBHostControllerPropertyTierLimit "UsbHostControllerTierLimit"

// Power properties of older machines.
#define kAppleMaxPortCurrent "AAPL,current-available"
#define kAppleCurrentExtra "AAPL,current-extra"
#define kAppleMaxPortCurrentInSleep "AAPL,max-port-current-in-sleep"
#define kAppleCurrentExtraInSleep "AAPL,current-extra-in-sleep"
#define kAppleExternalConnectorBitmap "AAPL,ExternalConnectorBitmap"

#endif
