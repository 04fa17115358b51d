// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

/// Offsets and bits of PCI configuration space, as in the PCI and PCI Express specifications.
namespace opendext::backends::pci {

inline constexpr uint32_t kConfigBytes = 0x1000;
inline constexpr uint32_t kConventionalConfigBytes = 0x100;

// The header of a type 0 function.
inline constexpr uint32_t kVendorId = 0x00;
inline constexpr uint32_t kDeviceId = 0x02;
inline constexpr uint32_t kCommand = 0x04;
inline constexpr uint32_t kStatus = 0x06;
inline constexpr uint32_t kRevisionId = 0x08;
inline constexpr uint32_t kClassCode = 0x09;
inline constexpr uint32_t kCacheLineSize = 0x0C;
inline constexpr uint32_t kLatencyTimer = 0x0D;
inline constexpr uint32_t kHeaderType = 0x0E;
inline constexpr uint32_t kBar0 = 0x10;
inline constexpr uint32_t kSubsystemVendorId = 0x2C;
inline constexpr uint32_t kSubsystemId = 0x2E;
inline constexpr uint32_t kExpansionRom = 0x30;
inline constexpr uint32_t kCapabilityPointer = 0x34;
inline constexpr uint32_t kInterruptLine = 0x3C;
inline constexpr uint32_t kInterruptPin = 0x3D;
inline constexpr uint32_t kFirstCapability = 0x40;
inline constexpr uint32_t kFirstExtendedCapability = 0x100;
inline constexpr uint32_t kNumBars = 6;

inline constexpr uint16_t kCommandIo = 0x0001;
inline constexpr uint16_t kCommandMemory = 0x0002;
inline constexpr uint16_t kCommandBusMaster = 0x0004;
inline constexpr uint16_t kCommandParityError = 0x0040;
inline constexpr uint16_t kCommandSystemError = 0x0100;
inline constexpr uint16_t kCommandInterruptDisable = 0x0400;
inline constexpr uint16_t kCommandWritable = kCommandIo | kCommandMemory | kCommandBusMaster |
                                             kCommandParityError | kCommandSystemError |
                                             kCommandInterruptDisable;

inline constexpr uint16_t kStatusInterrupt = 0x0008;
inline constexpr uint16_t kStatusCapabilityList = 0x0010;
inline constexpr uint16_t kStatusWriteOneToClear = 0xF900;

inline constexpr uint32_t kRomEnable = 0x1;

// Capability ids.
inline constexpr uint8_t kCapabilityPowerManagement = 0x01;
inline constexpr uint8_t kCapabilityMsi = 0x05;
inline constexpr uint8_t kCapabilityVendorSpecific = 0x09;
inline constexpr uint8_t kCapabilityPciExpress = 0x10;
inline constexpr uint8_t kCapabilityMsix = 0x11;

inline constexpr uint16_t kExtendedCapabilityAdvancedErrors = 0x0001;
inline constexpr uint16_t kExtendedCapabilitySerialNumber = 0x0003;
inline constexpr uint16_t kExtendedCapabilityVendorSpecific = 0x000B;

// MSI, relative to the capability.
inline constexpr uint32_t kMsiControl = 0x02;
inline constexpr uint16_t kMsiControlEnable = 0x0001;
inline constexpr uint16_t kMsiControlCapableShift = 1;
inline constexpr uint16_t kMsiControlEnabledShift = 4;
inline constexpr uint16_t kMsiControlEnabledMask = 0x0070;
inline constexpr uint16_t kMsiControl64Bit = 0x0080;
inline constexpr uint16_t kMsiControlPerVectorMask = 0x0100;
inline constexpr uint32_t kMsiAddressLow = 0x04;
inline constexpr uint32_t kMsiMaxVectors = 32;

// MSI-X, relative to the capability, and its table.
inline constexpr uint32_t kMsixControl = 0x02;
inline constexpr uint16_t kMsixControlEnable = 0x8000;
inline constexpr uint16_t kMsixControlFunctionMask = 0x4000;
inline constexpr uint16_t kMsixControlTableSizeMask = 0x07FF;
inline constexpr uint32_t kMsixTable = 0x04;
inline constexpr uint32_t kMsixPendingBits = 0x08;
inline constexpr uint32_t kMsixBarMask = 0x7;
inline constexpr uint32_t kMsixMaxVectors = 2048;
inline constexpr uint32_t kMsixEntryBytes = 16;
inline constexpr uint32_t kMsixEntryControl = 12;
inline constexpr uint32_t kMsixEntryMasked = 0x1;

// PCI Express, relative to the capability.
inline constexpr uint32_t kExpressDeviceCapabilities = 0x04;
inline constexpr uint32_t kExpressDeviceControl = 0x08;
inline constexpr uint32_t kExpressDeviceStatus = 0x0A;
inline constexpr uint32_t kExpressLinkCapabilities = 0x0C;
inline constexpr uint32_t kExpressLinkControl = 0x10;
inline constexpr uint32_t kExpressLinkStatus = 0x12;
inline constexpr uint32_t kExpressLinkControl2 = 0x30;
inline constexpr uint32_t kExpressCapabilityBytes = 0x3C;
inline constexpr uint32_t kExpressFlrCapable = 1U << 28;
inline constexpr uint16_t kExpressInitiateFlr = 0x8000;

// Power management, relative to the capability.
inline constexpr uint32_t kPowerCapabilities = 0x02;
inline constexpr uint32_t kPowerControl = 0x04;
inline constexpr uint16_t kPowerStateMask = 0x0003;

}  // namespace opendext::backends::pci
