// SPDX-License-Identifier: Apache-2.0
/// @file MemoryBenchProtocol.h
/// What the driver of the memory benchmark and its clients agree on. A word is 32 bits; the last word of some
/// bytes ends where they end.
#ifndef MEMORY_BENCH_PROTOCOL_H
#define MEMORY_BENCH_PROTOCOL_H

/// Selectors of MemoryBenchClient::ExternalMethod.
enum MemoryBenchSelector {
    /// Structure in, at least a word. Scalars out: its first and its last word.
    kMemoryBenchTake = 0,
    /// Scalars in: a word, and whether all words become it or the first and the last. Structure out: those.
    kMemoryBenchGive,
    /// Scalars in: address and bytes of the client's memory, options of CreateMemoryDescriptorFromClient.
    /// Scalars out: its first and its last word. With direction In the driver adds 1 to the first.
    kMemoryBenchReach,
    /// Scalars in: kMemoryBenchKeep..., how many. Replaces what was kept of that kind; 0 keeps nothing.
    kMemoryBenchKeep,
    /// Scalars in: kMemoryBenchTime..., how often per sample. Structure out: that many bytes of samples, each the
    /// nanoseconds of all of them in 64 bits.
    kMemoryBenchTime,
    /// As kMemoryBenchTake. Scalar out besides: the sum of its 64-bit words, all of which the driver reads.
    kMemoryBenchSum,
    kMemoryBenchSelectorCount
};

/// Objects that the driver keeps alive.
enum MemoryBenchKept {
    kMemoryBenchKeepBuffers = 0,  ///< Buffers of a page, with their addresses.
    kMemoryBenchKeepMappings,     ///< Mappings, each of another buffer.
    kMemoryBenchKeptCount
};

/// What takes its time in the driver.
enum MemoryBenchOperation {
    kMemoryBenchTimeBuffer = 0,  ///< Create, GetAddressRange and release of a buffer of 4 KiB.
    kMemoryBenchTimeMapping,     ///< CreateMapping and release, of a part of a buffer.
    kMemoryBenchTimePart,        ///< CreateSubMemoryDescriptor, GetLength and release.
    kMemoryBenchTimePool,        ///< A descriptor out of the toolkit's pool and back.
    kMemoryBenchOperationCount
};

#endif
