// SPDX-License-Identifier: Apache-2.0
/// @file registers.h
/// A LiteX SoC with a LitePCIe core as software sees it. docs/devices/litepcie.md explains each register.
#pragma once

#include <cstdint>

namespace opendext::models::litepcie {

// Identity.
inline constexpr uint16_t kVendorId = 0x10EE;
inline constexpr uint16_t kDeviceId = 0x7024;
inline constexpr uint16_t kSubsystemId = 0x0007;
inline constexpr uint32_t kClassCode = 0x058000;  // other memory controller

// BAR 0 is a window on the SoC's bus; its first 64 KiB are the registers, in blocks.
inline constexpr uint8_t kRegisterBar = 0;
inline constexpr uint64_t kRegisterBarBytes = 0x100000;
inline constexpr uint32_t kRegisterSpaceBytes = 0x10000;
inline constexpr uint32_t kBlockSpacing = 0x800;

// Where the blocks are; those behind the first DMA block move up by kBlockSpacing for each further channel.
inline constexpr uint32_t kCtrlBase = 0x1000;
inline constexpr uint32_t kDnaBase = 0x1800;
inline constexpr uint32_t kIdentifierBase = 0x3800;
inline constexpr uint32_t kLedsBase = 0x4000;
inline constexpr uint32_t kDmaBase = 0x4800;
inline constexpr uint32_t kMsiBase = 0x5800;
inline constexpr uint32_t kPhyBase = 0x6000;
inline constexpr uint32_t kXadcBase = 0x7000;

// Byte offsets in each block, 32 bits each. Of a 64-bit register the upper half comes first.
inline constexpr uint32_t kCtrlReset = 0x00;
inline constexpr uint32_t kCtrlScratch = 0x04;
inline constexpr uint32_t kCtrlBusErrors = 0x08;
inline constexpr uint32_t kCtrlBytes = 0x0C;

inline constexpr uint32_t kDnaIdHigh = 0x00;
inline constexpr uint32_t kDnaIdLow = 0x04;
inline constexpr uint32_t kDnaBytes = 0x08;

inline constexpr uint32_t kIdentifierBytes = 0x400;  // a character a register

inline constexpr uint32_t kLedsOut = 0x00;
inline constexpr uint32_t kLedsBytes = 0x04;

// A DMA block: the writer (device to host), then the reader, then what both share.
inline constexpr uint32_t kDmaWriter = 0x00;
inline constexpr uint32_t kDmaReader = 0x20;
inline constexpr uint32_t kDirectionBytes = 0x20;
inline constexpr uint32_t kDmaEnable = 0x00;  // these eight: of one direction
inline constexpr uint32_t kDmaTableValueHigh = 0x04;
inline constexpr uint32_t kDmaTableValueLow = 0x08;
inline constexpr uint32_t kDmaTableWe = 0x0C;
inline constexpr uint32_t kDmaTableLoopProgN = 0x10;
inline constexpr uint32_t kDmaTableLoopStatus = 0x14;
inline constexpr uint32_t kDmaTableLevel = 0x18;
inline constexpr uint32_t kDmaTableReset = 0x1C;
inline constexpr uint32_t kDmaLoopbackEnable = 0x40;
inline constexpr uint32_t kDmaReaderFifoControl = 0x44;
inline constexpr uint32_t kDmaReaderFifoStatus = 0x48;
inline constexpr uint32_t kDmaWriterFifoControl = 0x4C;
inline constexpr uint32_t kDmaWriterFifoStatus = 0x50;
inline constexpr uint32_t kDmaBytes = 0x54;

inline constexpr uint32_t kMsiEnable = 0x00;
inline constexpr uint32_t kMsiClear = 0x04;
inline constexpr uint32_t kMsiVector = 0x08;
inline constexpr uint32_t kMsiBytes = 0x0C;

inline constexpr uint32_t kPhyLinkStatus = 0x00;
inline constexpr uint32_t kPhyMaxRequestSize = 0x10;
inline constexpr uint32_t kPhyMaxPayloadSize = 0x14;
inline constexpr uint32_t kPhyBytes = 0x18;

inline constexpr uint32_t kXadcTemperature = 0x00;
inline constexpr uint32_t kXadcVccInt = 0x04;
inline constexpr uint32_t kXadcVccAux = 0x08;
inline constexpr uint32_t kXadcVccBram = 0x0C;
inline constexpr uint32_t kXadcBytes = 0x10;

// Bits and values.
inline constexpr uint32_t kCtrlResetSoc = 0x1;
inline constexpr uint32_t kScratchAfterReset = 0x12345678;
inline constexpr uint32_t kDmaEnabled = 0x1;
inline constexpr uint32_t kDmaIdle = 0x2;
inline constexpr uint32_t kFifoDepthAfterReset = 2048;
inline constexpr uint32_t kFifoControlBits = 0x8FFFFFFF;
inline constexpr uint32_t kLinkStatusUp = 0xB | 0x16 << 4;  // up, Gen2, x4, LTSSM L0
inline constexpr uint32_t kMaxRequestBytes = 512;
inline constexpr uint32_t kMaxPayloadBytes = 512;
inline constexpr uint64_t kDnaDefault = 0x01C0'FFEE'0DDB'A110;
inline constexpr uint64_t kDnaMost = (1ULL << 57) - 1;
inline constexpr uint32_t kTemperatureValue = 2585;  // 45 degrees Celsius
inline constexpr uint32_t kVccIntValue = 1365;       // 1.0 V
inline constexpr uint32_t kVccAuxValue = 2458;       // 1.8 V
inline constexpr uint32_t kVccBramValue = 1365;      // 1.0 V

// The value of a descriptor, with its length in bits 32 to 55.
inline constexpr uint32_t kDescriptorLengthBits = 0xFFFFFC;
inline constexpr uint32_t kDescriptorAddressBits = 0xFFFFFFFC;
inline constexpr uint32_t kDescriptorIrqDisable = 1U << 24;   // of the upper half
inline constexpr uint32_t kDescriptorLastDisable = 1U << 25;  // of the upper half
inline constexpr uint32_t kTableDepth = 256;
inline constexpr uint32_t kMaxChannels = 8;

// Interrupt bits of a channel in the MSI block.
constexpr uint32_t ReaderInterrupt(uint32_t channel) {
    return 1U << (2 * channel);
}
constexpr uint32_t WriterInterrupt(uint32_t channel) {
    return 1U << (2 * channel + 1);
}

}  // namespace opendext::models::litepcie
