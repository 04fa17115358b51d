// SPDX-License-Identifier: Apache-2.0
/// @file CardRegisters.h
/// What the benchmark uses of the card that docs/devices/fpga-dma.md describes.
#ifndef CARD_REGISTERS_H
#define CARD_REGISTERS_H

#include <stdint.h>

/// Memory index of the register range.
enum : uint8_t { kCardRegisterIndex = 0 };

/// Byte offsets of registers, 32 bits each.
enum CardRegister : uint64_t {
    kCardId = 0x00,
    kCardControl = 0x0C,
    kCardStatus = 0x10,
    kCardListBaseLow = 0x28,
    kCardListBaseHigh = 0x2C,
    kCardListCount = 0x30,
    kCardDoorbell = 0x34,
};

enum : uint32_t {
    kCardIdValue = 0x414D4446,
    kCardAllOnes = 0xFFFFFFFF,  ///< What a card that is gone reads as.
    kCardControlEnable = 0x1,
    kCardStatusBusy = 0x1,
    kCardStatusError = 0x2,
};

/// One piece of a transfer.
struct CardDescriptor {
    uint64_t hostAddress;  ///< As the card sees it.
    uint64_t cardAddress;  ///< Byte offset in the card's RAM.
    uint32_t numBytes;
    uint32_t flags;  ///< kCardDescriptor... bits.
    uint64_t reserved;
};
static_assert(sizeof(CardDescriptor) == 32, "as the card reads it");

enum : uint32_t {
    kCardDescriptorToCard = 0x1,
    kCardDescriptorLast = 0x4,
};

#endif
