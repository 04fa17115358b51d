// SPDX-License-Identifier: Apache-2.0
/// @file FpgaRegisters.h
/// The card as the driver sees it: registers, their bits, and the descriptors of the DMA engine.
#ifndef FPGA_REGISTERS_H
#define FPGA_REGISTERS_H

#include <stdint.h>

/// Base address registers.
enum FpgaBar : uint8_t {
    kFpgaRegisterBar = 0,
    kFpgaRamBar = 2,
};

/// Registers: byte offsets in the register BAR, 32 bits each.
enum FpgaRegister : uint64_t {
    kFpgaId = 0x00,
    kFpgaVersion = 0x04,  ///< Major in the upper half, minor in the lower.
    kFpgaControl = 0x0C,
    kFpgaInterruptEnable = 0x14,
    kFpgaInterruptStatus = 0x18,  ///< Writing 1 to a bit clears it.
    kFpgaRamSizeLow = 0x20,
    kFpgaRamSizeHigh = 0x24,
    kFpgaListBaseLow = 0x28,
    kFpgaListBaseHigh = 0x2C,
    kFpgaListCount = 0x30,
    kFpgaDoorbell = 0x34,
    kFpgaErrorCode = 0x3C,  ///< Why the latest list ended early.
    kFpgaErrorAddressLow = 0x40,
    kFpgaErrorAddressHigh = 0x44,
    kFpgaErrorIndex = 0x50,
};

enum : uint32_t {
    kFpgaIdValue = 0x414D4446,
    kFpgaVersionMajor = 1,
    kFpgaAllOnes = 0xFFFFFFFF,  ///< What a card that is gone reads as.
};

/// Bits of kFpgaControl.
enum : uint32_t {
    kFpgaControlEnable = 0x1,
    kFpgaControlReset = 0x2,
};

/// Bits of kFpgaInterruptEnable and kFpgaInterruptStatus.
enum : uint32_t {
    kFpgaInterruptListDone = 0x2,
    kFpgaInterruptError = 0x4,
};

/// One piece of a transfer. Little endian, as are all machines that run DriverKit.
struct FpgaDescriptor {
    uint64_t hostAddress;  ///< As the card sees it.
    uint64_t cardAddress;  ///< Byte offset in the card's RAM.
    uint32_t numBytes;     ///< Not 0.
    uint32_t flags;        ///< kFpgaDescriptor... bits.
    uint64_t reserved;
};
static_assert(sizeof(FpgaDescriptor) == 32, "as the card reads it");

enum : uint32_t {
    kFpgaDescriptorToCard = 0x1,
    kFpgaDescriptorLast = 0x4,
};

#endif
