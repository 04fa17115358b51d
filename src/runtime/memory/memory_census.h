// SPDX-License-Identifier: Apache-2.0
/// @file memory_census.h
/// How many objects of this room are alive, for leak tests and diagnostics.
#pragma once

#include <cstdint>

namespace opendext::memory {

struct MemoryCensus {
    uint64_t num_descriptors = 0;  ///< IOMemoryDescriptor objects and those of derived classes.
    uint64_t num_mappings = 0;     ///< IOMemoryMap objects.
    uint64_t num_prepared = 0;     ///< Preparations for DMA that have not been completed.

    bool operator==(const MemoryCensus &) const = default;
};

/// The counts of this process now. Any thread; the three are not one snapshot.
[[nodiscard]] MemoryCensus TakeMemoryCensus();

// For the classes that are counted: +1 or -1. When nearly all of thousands of descriptors are gone, what they took goes
// back to the system.
void CountDescriptor(int change);
void CountMapping(int change);
void CountPrepared(int change);

}  // namespace opendext::memory
