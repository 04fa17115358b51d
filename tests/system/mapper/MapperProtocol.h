// SPDX-License-Identifier: Apache-2.0
#ifndef MAPPER_PROTOCOL_H
#define MAPPER_PROTOCOL_H

#include <stdint.h>

enum MapperSelector {
    /// Does a list of steps: its structure input is an array of MapperStep, its structure output one of MapperResult. A
    /// step that fails does not end the list.
    kMapperRun = 0,
    /// Keeps the descriptor of its structure input in the slot that its scalar names, prepared for DMA.
    kMapperKeepPrepared = 1,
};

/// What a step does. Numbers and flags in a, b, c; descriptors, mappings and DMA commands stay in their slot from
/// one call to the next, until Forget or the client's Stop.
enum MapperOperation : uint32_t {
    kMapperSegment,   ///< Adds [a, a + b) of the client to what the next Describe takes.
    kMapperDescribe,  ///< CreateMemoryDescriptorFromClient(a, segments). Value: its length.
    kMapperDescribeMany,  ///< As Describe, of b segments whatever there are. Value: what came out, 0 is NULL.
    kMapperPart,     ///< CreateSubMemoryDescriptor of slot a, from b on, c bytes.
    kMapperMap,      ///< CreateMapping(a, offset b, length c). Value: the length.
    kMapperAddress,  ///< Value: of the mapping.
    kMapperSum,      ///< Value: the sum of b bytes of the mapping from a on.
    kMapperFill,     ///< Sets b bytes of the mapping from a on to c.
    kMapperWaitFor,  ///< Waits until the byte of the mapping at a is b.
    kMapperToCard,  ///< PrepareForDMA of c bytes (0: all) from b on; the card reads them to its address a.
    kMapperFromCard,  ///< As ToCard, the other way. Value: the card's error code.
    kMapperPrepare,   ///< PrepareForDMA of all, which stays. Value: how many DMA segments.
    kMapperPreparedToCard,  ///< The card reads what stays prepared to its address a. Value: its error code.
    kMapperComplete,          ///< CompleteDMA.
    kMapperDmaFill,           ///< PerformOperation: sets b bytes of the preparation from a on to c.
    kMapperForgetDescriptor,  ///< Releases the descriptor, not its mapping.
    kMapperForget,            ///< Releases everything of the slot.
    kMapperCensus,  ///< Value: 0 objects, 1 descriptors, 2 mappings, 3 preparations: a says which.
    kMapperStops,   ///< Value: how many clients of this process have had their Stop.
    kMapperLog,     ///< Logs kMapperLogLine and a.
};

#define kMapperLogLine "MapperClient is at step "

enum { kMapperSlots = 16, kMapperMaxSteps = 100 };

struct MapperStep {
    uint32_t operation;  ///< MapperOperation.
    uint32_t slot;       ///< Below kMapperSlots.
    uint64_t a;
    uint64_t b;
    uint64_t c;
};

struct MapperResult {
    uint64_t value;
    int32_t status;
    uint32_t reserved;
};

#endif
