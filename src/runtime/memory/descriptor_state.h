// SPDX-License-Identifier: Apache-2.0
/// @file descriptor_state.h
/// What an IOMemoryDescriptor holds. Private to this room.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include <DriverKit/IOMemoryDescriptor.h>

#include "runtime/memory/backing.h"
#include "runtime/memory/descriptor_factory.h"
#include "runtime/memory/mapping_table.h"

namespace opendext::memory {

/// A mapping that IOMemoryDescriptor::Map made, in the table of `target`.
struct HeldMapping {
    IOMemoryDescriptor *target = nullptr;
    MappingTable::Entry *entry = nullptr;
};

}  // namespace opendext::memory

/// Set before the object is handed out, then immutable, except what says otherwise.
struct IOMemoryDescriptor_IVars {
    std::unique_ptr<const opendext::memory::Backing> backing;  ///< NULL: no memory.
    uint64_t direction = 0;
    uint64_t capacity = 0;
    bool is_made_here = false;  ///< Has a creator, and it is this process: never read-only.
    std::atomic<uint64_t> length = 0;

    /// Of a part: mappings are those of `parent`, which the backing retains.
    IOMemoryDescriptor *parent = nullptr;
    uint64_t parent_offset = 0;

    /// Of a buffer: the answer of GetAddressRange, or 0 until it is asked for.
    std::atomic<uint64_t> buffer_address = 0;

    std::mutex mappings_mutex;
    opendext::memory::MappingTable mappings;  ///< guarded by mappings_mutex
    /// Mappings that last as long as the descriptor, each in its own table or in that of the outermost
    /// parent, which the backing keeps; guarded by mappings_mutex.
    std::vector<opendext::memory::HeldMapping> held_mappings;
};

struct IOMemoryMap_IVars {
    opendext::memory::Retained<IOMemoryDescriptor> memory;   ///< What is mapped: holds the record.
    opendext::memory::MappingTable::Entry *entry = nullptr;  ///< In the memory's table.
    uint64_t address = 0;
    uint64_t length = 0;
    uint64_t offset = 0;
};

namespace opendext::memory {

/// The state of a descriptor; that of an object on which nobody called init is empty.
[[nodiscard]] IOMemoryDescriptor_IVars &StateOf(const IOMemoryDescriptor &descriptor);

/// Backing::Fetch of a descriptor: to be called before the two functions that follow, without a lock.
void FetchMemory(const IOMemoryDescriptor &descriptor, Use use);

/// Whether the descriptor has memory, all of it.
[[nodiscard]] bool MemoryIsThere(const IOMemoryDescriptor &descriptor);

/// The runs of a range of a descriptor. The range is within its capacity, else this fails.
/// @return false when the memory is not there.
[[nodiscard]] bool CollectExtents(const IOMemoryDescriptor &descriptor, Use use, uint64_t offset,
                                  uint64_t length, std::vector<Extent> &extents);

/// The memory of DescriptorFromSlices.
[[nodiscard]] std::unique_ptr<Backing> MakeSlicesBacking(std::span<const ClientSlice> slices,
                                                         ClientWrites writes);

/// In bytes. As on the original, no descriptor of a client's memory is made of more.
[[nodiscard]] uint64_t MemoryOfTheMachine();

/// A new descriptor over `backing`, +1; NULL when memory is short.
[[nodiscard]] Retained<IOMemoryDescriptor> NewDescriptor(std::unique_ptr<const Backing> backing,
                                                         uint64_t direction, uint64_t capacity);

}  // namespace opendext::memory
