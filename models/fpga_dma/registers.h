// SPDX-License-Identifier: Apache-2.0
/// @file registers.h
/// The fpga-dma card as software sees it. docs/devices/fpga-dma.md explains each register.
#pragma once

#include <cstddef>
#include <cstdint>

namespace opendext::models::fpga_dma {

// Identity. The ids are of the range that emulated devices use for experiments; no product has them.
inline constexpr uint16_t kVendorId = 0x1234;
inline constexpr uint16_t kDeviceId = 0x0FDA;
inline constexpr uint16_t kSubsystemVendorId = 0x1234;
inline constexpr uint16_t kSubsystemId = 0x0001;
inline constexpr uint8_t kRevisionId = 0x01;
inline constexpr uint32_t kClassCode = 0x120000;  // processing accelerator

// Ranges.
inline constexpr uint8_t kRegisterBar = 0;
inline constexpr uint64_t kRegisterBarBytes = 0x10000;
inline constexpr uint8_t kRamBar = 2;
inline constexpr uint32_t kMsixTableOffset = 0x8000;
inline constexpr uint32_t kMsixPendingOffset = 0xC000;

// Registers: byte offsets in BAR 0, 32 bits each.
inline constexpr uint32_t kRegId = 0x00;
inline constexpr uint32_t kRegVersion = 0x04;
inline constexpr uint32_t kRegScratch = 0x08;
inline constexpr uint32_t kRegControl = 0x0C;
inline constexpr uint32_t kRegStatus = 0x10;
inline constexpr uint32_t kRegInterruptEnable = 0x14;
inline constexpr uint32_t kRegInterruptStatus = 0x18;
inline constexpr uint32_t kRegInterruptTrigger = 0x1C;
inline constexpr uint32_t kRegRamSizeLow = 0x20;
inline constexpr uint32_t kRegRamSizeHigh = 0x24;
inline constexpr uint32_t kRegListBaseLow = 0x28;
inline constexpr uint32_t kRegListBaseHigh = 0x2C;
inline constexpr uint32_t kRegListCount = 0x30;
inline constexpr uint32_t kRegDoorbell = 0x34;
inline constexpr uint32_t kRegCompletedCount = 0x38;
inline constexpr uint32_t kRegErrorCode = 0x3C;
inline constexpr uint32_t kRegErrorAddressLow = 0x40;
inline constexpr uint32_t kRegErrorAddressHigh = 0x44;
inline constexpr uint32_t kRegErrorCardAddressLow = 0x48;
inline constexpr uint32_t kRegErrorCardAddressHigh = 0x4C;
inline constexpr uint32_t kRegErrorIndex = 0x50;
inline constexpr uint32_t kRegListsEnded = 0x54;
inline constexpr uint32_t kRegBytesMovedLow = 0x58;
inline constexpr uint32_t kRegBytesMovedHigh = 0x5C;

inline constexpr uint32_t kIdValue = 0x414D4446;  // "FDMA" in memory
inline constexpr uint32_t kVersionValue = 0x00010000;

// Bits of kRegControl.
inline constexpr uint32_t kControlEnable = 0x1;
inline constexpr uint32_t kControlReset = 0x2;

// Bits of kRegStatus.
inline constexpr uint32_t kStatusBusy = 0x1;
inline constexpr uint32_t kStatusError = 0x2;
inline constexpr uint32_t kStatusDoorbellIgnored = 0x4;

// Bits of the interrupt registers; bit N is signalled on vector N.
inline constexpr uint32_t kInterruptDescriptorDone = 0x1;
inline constexpr uint32_t kInterruptListDone = 0x2;
inline constexpr uint32_t kInterruptError = 0x4;
inline constexpr uint32_t kInterruptUser = 0x8;
inline constexpr uint32_t kInterruptAll = 0xF;
inline constexpr uint32_t kNumVectors = 4;

// Values of kRegErrorCode.
inline constexpr uint32_t kErrorNone = 0;
inline constexpr uint32_t kErrorDescriptorFetch = 1;
inline constexpr uint32_t kErrorHostAccess = 2;
inline constexpr uint32_t kErrorCardRange = 3;
inline constexpr uint32_t kErrorBadDescriptor = 4;
inline constexpr uint32_t kErrorBadCount = 5;
inline constexpr uint32_t kErrorDisabled = 6;

inline constexpr uint32_t kMaxDescriptors = 1024;

/// One descriptor of a list, in host memory, little endian.
struct Descriptor {
    uint64_t host_address;  ///< As the device sees it, any alignment.
    uint64_t card_address;  ///< Byte offset in the card's RAM, any alignment.
    uint32_t num_bytes;     ///< Not 0.
    uint32_t flags;         ///< kDescriptor... bits; others must be 0.
    uint64_t reserved;      ///< Ignored.
};
static_assert(sizeof(Descriptor) == 32 && offsetof(Descriptor, flags) == 20);

inline constexpr uint32_t kDescriptorToCard = 0x1;     // host to card; clear: card to host
inline constexpr uint32_t kDescriptorInterrupt = 0x2;  // signal kInterruptDescriptorDone when done
inline constexpr uint32_t kDescriptorLast = 0x4;  // the list ends here, whatever kRegListCount says
inline constexpr uint32_t kDescriptorFlags = 0x7;

}  // namespace opendext::models::fpga_dma
