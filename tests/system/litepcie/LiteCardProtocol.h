// SPDX-License-Identifier: Apache-2.0
#ifndef LITE_CARD_PROTOCOL_H
#define LITE_CARD_PROTOCOL_H

#include <stdint.h>

enum LiteCardSelector {
    kLiteCardRead = 0,       ///< Scalars: offset -> value of a register.
    kLiteCardWrite = 1,      ///< Scalars: offset, value.
    kLiteCardConfigure = 2,  ///< Structure: LiteCardConfiguration.
};

/// What IOConnectMapMemory64 maps.
enum LiteCardMemory {
    kLiteCardReaderMemory = 1,  ///< Buffer after buffer, what the card reads.
    kLiteCardWriterMemory = 2,  ///< Buffer after buffer, what the card writes.
    kLiteCardCountsMemory = 3,  ///< LiteCardCounts, read only.
};

enum { kLiteCardBuffers = 256, kLiteCardBufferBytes = 8192, kLiteCardBuffersPerInterrupt = 32 };

struct LiteCardConfiguration {
    uint32_t isReader;
    uint32_t isEnabled;
};

/// Buffers that the card has done since it was enabled, as of the latest interrupt.
struct LiteCardCounts {
    uint64_t reader;
    uint64_t writer;
    uint64_t interrupts;
};

#endif
