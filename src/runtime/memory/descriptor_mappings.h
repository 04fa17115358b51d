// SPDX-License-Identifier: Apache-2.0
/// @file descriptor_mappings.h
/// Finds or makes the mappings of a descriptor (semantics.md, 1.3). Private to this room.
#pragma once

#include <cstdint>
#include <expected>

#include <DriverKit/IOReturn.h>

#include "runtime/memory/descriptor_state.h"

namespace opendext::memory {

/// A checked request for a mapping.
struct MappingPlan {
    MappingQuery query;  ///< Its range is in `target`.
    IOMemoryDescriptor *target =
        nullptr;                  ///< Whose mapping it will be: the outermost parent of a part.
    bool ignores_length = false;  ///< The range may be anywhere in the capacity.
    ReadOnlyReason read_only_reason = ReadOnlyReason::kDirectionOut;  ///< If it is read-only.
};

/// Turns the arguments of CreateMapping into a plan. The range is not checked against the memory yet.
/// @return kIOReturnBadArgument for a cache mode that is none; kIOReturnError for a range that overflows.
[[nodiscard]] std::expected<MappingPlan, kern_return_t> PlanMapping(IOMemoryDescriptor &descriptor,
                                                                    uint64_t options,
                                                                    uint64_t address,
                                                                    uint64_t offset,
                                                                    uint64_t length);

/// The mapping object of `plan`: an existing one of the same range, or a new one on an existing or new range.
[[nodiscard]] std::expected<Retained<IOMemoryMap>, kern_return_t> ObtainMap(
    const MappingPlan &plan);

/// As ObtainMap without an object: the address; `holder` keeps the range until it is freed.
[[nodiscard]] std::expected<uint64_t, kern_return_t> HoldMapping(const MappingPlan &plan,
                                                                 IOMemoryDescriptor &holder);

/// Takes the mapping of an object out of its descriptor. From IOMemoryMap::free.
void ForgetMapping(IOMemoryDescriptor &target, MappingTable::Entry *entry);

/// Ends what HoldMapping made for `holder`. From IOMemoryDescriptor::free.
void ForgetHeldMappings(IOMemoryDescriptor &holder);

}  // namespace opendext::memory
