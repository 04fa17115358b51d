// SPDX-License-Identifier: Apache-2.0
#ifndef ENDPOINT_PROTOCOL_H
#define ENDPOINT_PROTOCOL_H

#include <stdint.h>

/// The memory of type N is BAR N.
enum EndpointSelector {
    kEndpointReadConfig = 0,   ///< Scalars: offset, bytes -> value.
    kEndpointWriteConfig = 1,  ///< Scalars: offset, bytes, value.
    kEndpointReset = 2,        ///< Scalar: of tIOPCIDeviceResetTypes.
    kEndpointPeek = 3,         ///< Scalars: memory index, offset -> 32 bits.
    kEndpointPoke = 4,         ///< Scalars: memory index, offset, 32 bits.
    /// Prepares the structure input, which has to be a descriptor, for DMA. The output, a descriptor too, gets the address
    /// and length of each segment in turn, and 0, 0.
    kEndpointPrepare = 5,
    kEndpointLinkSpeed = 6,  ///< Scalar: a limit, or 0 for none -> the speed.
};

enum { kEndpointBars = 6 };

#endif
