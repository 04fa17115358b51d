// SPDX-License-Identifier: Apache-2.0
/// @file FpgaProtocol.h
/// What the Fpga driver and its clients agree on. Included by both sides.
#ifndef FPGA_PROTOCOL_H
#define FPGA_PROTOCOL_H

#include <stdint.h>

/// Name of the service, for IOServiceNameMatching.
#define kFpgaServiceName "FpgaDriver"

/// Selectors of FpgaClient::ExternalMethod. Sizes are 1 to kFpgaMaxTransferBytes, addresses any.
/// Errors of transfers: kIOReturnBadArgument for a size that is not, kIOReturnNoSpace for a range
/// that is not in the card's RAM (nothing is touched then), kIOReturnDMAError when the card
/// refuses, kIOReturnTimeout when it does not answer, kIOReturnAborted when the driver is being
/// stopped, kIOReturnNoDevice when the card is gone.
enum FpgaSelector {
    kFpgaGetInfo = 0,  ///< Scalars out: kFpgaInfoWords.
    kFpgaRead = 1,     ///< Scalar in: card address. Structure out: bytes to fill it.
    kFpgaWrite = 2,    ///< Scalar in: card address. Structure in: the bytes.
    kFpgaSelectorCount
};

/// Words of kFpgaGetInfo.
enum {
    kFpgaInfoRamBytes = 0,
    kFpgaInfoVersion = 1,  ///< Major in the upper 16 of 32 bits.
    kFpgaInfoWords
};

/// Bytes of one call.
enum { kFpgaMaxTransferBytes = 64 * 1024 * 1024 };

#endif
