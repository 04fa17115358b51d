// SPDX-License-Identifier: Apache-2.0
#include "runtime/memory/descriptor_mappings.h"

#include <cstring>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/checked.h"
#include "base/log.h"

namespace opendext::memory {

namespace {

constexpr uint64_t kCacheModeMask = 0xFF00;

std::optional<uint64_t> CacheMode(uint64_t options) {
    switch (options & kCacheModeMask) {
        case kIOMemoryMapCacheModeDefault:
        case kIOMemoryMapCacheModeInhibit:
        case kIOMemoryMapCacheModeCopyback:
        case kIOMemoryMapCacheModeWriteThrough:
        case kIOMemoryMapCacheModeRealTime:
            return options & kCacheModeMask;
        default:
            return std::nullopt;
    }
}

Guard GuardOf(uint64_t options) {
    if ((options & kIOMemoryMapFixedAddress) != 0) {
        return Guard::kNone;
    }
    switch (options & kIOMemoryMapGuardedMask) {
        case kIOMemoryMapGuardedNone:
            return Guard::kNone;
        case kIOMemoryMapGuardedLarge:
            return Guard::kLarge;
        default:
            return Guard::kSmall;
    }
}

/// Where a plan's range is mapped.
struct SharedMapping {
    std::shared_ptr<const MappedRange> range;
    uint64_t range_start = 0;
    uint64_t address = 0;
};

/// Maps the plan's range anew.
std::expected<SharedMapping, kern_return_t> MapAnew(const IOMemoryDescriptor_IVars &state,
                                                    const MappingPlan &plan) {
    const MappingQuery &query = plan.query;
    const uint64_t limit =
        plan.ignores_length ? state.capacity : state.length.load(std::memory_order_relaxed);
    if (query.offset >= limit || !RangeIsWithin(query.offset, query.length, limit)) {
        return std::unexpected(kIOReturnError);
    }
    std::vector<Extent> extents;
    if (!CollectExtents(*plan.target, Use::kMapping, query.offset, query.length, extents)) {
        return std::unexpected(kIOReturnError);
    }
    const MapRequest request{query.traits.access, query.traits.guard, query.fixed_address,
                             state.backing->MayHaveGaps(), plan.read_only_reason};
    auto range = MappedRange::Make(extents, request);
    if (!range) {
        LogWarning(
            "CreateMapping: cannot map {} bytes at offset {} of a descriptor in {} pieces: {}",
            query.length, query.offset, extents.size(), std::strerror(range.error()));
        return std::unexpected(kIOReturnError);
    }
    const uint64_t address = reinterpret_cast<uint64_t>((*range)->address());
    return SharedMapping{std::move(*range), query.offset, address};
}

std::expected<SharedMapping, kern_return_t> ShareOrMapLocked(const IOMemoryDescriptor_IVars &state,
                                                             const MappingPlan &plan) {
    // An empty mapping would be within any other one.
    if (plan.query.length == 0) {
        return std::unexpected(kIOReturnError);
    }
    if (const MappingRecord *known = state.mappings.FindCovering(plan.query)) {
        const std::byte *address = known->range->AddressOf(plan.query.offset - known->range_start);
        return SharedMapping{known->range, known->range_start, reinterpret_cast<uint64_t>(address)};
    }
    return MapAnew(state, plan);
}

MappingRecord RecordOf(const MappingPlan &plan, SharedMapping mapping) {
    return {.offset = plan.query.offset,
            .length = plan.query.length,
            .address = mapping.address,
            .traits = plan.query.traits,
            .range = std::move(mapping.range),
            .range_start = mapping.range_start};
}

}  // namespace

std::expected<MappingPlan, kern_return_t> PlanMapping(IOMemoryDescriptor &descriptor,
                                                      uint64_t options, uint64_t address,
                                                      uint64_t offset, uint64_t length) {
    const IOMemoryDescriptor_IVars *state = &StateOf(descriptor);
    const auto cache_mode = CacheMode(options);
    if (!cache_mode) {
        return std::unexpected(kIOReturnBadArgument);
    }
    const bool wants_read_only =
        (options & kIOMemoryMapReadOnly) != 0 || state->direction == kIOMemoryDirectionOut;
    MappingPlan plan;
    MappingQuery &query = plan.query;
    plan.read_only_reason = (options & kIOMemoryMapReadOnly) != 0 ? ReadOnlyReason::kOption
                                                                  : ReadOnlyReason::kDirectionOut;
    query.traits.access =
        wants_read_only && !state->is_made_here ? MapAccess::kReadOnly : MapAccess::kReadWrite;
    query.traits.guard = GuardOf(options);
    query.traits.cache_mode = *cache_mode;
    if ((options & kIOMemoryMapFixedAddress) != 0) {
        query.fixed_address = address;
    }
    plan.target = &descriptor;
    query.offset = offset;
    query.length = length != 0 ? length : state->length.load(std::memory_order_relaxed);
    while (state->parent != nullptr) {
        const auto in_parent = CheckedAdd(query.offset, state->parent_offset);
        if (!in_parent) {
            return std::unexpected(kIOReturnError);
        }
        query.offset = *in_parent;
        plan.target = state->parent;
        state = &StateOf(*plan.target);
    }
    if (!CheckedAdd(query.offset, query.length)) {
        return std::unexpected(kIOReturnError);
    }
    return plan;
}

std::expected<Retained<IOMemoryMap>, kern_return_t> ObtainMap(const MappingPlan &plan) {
    IOMemoryDescriptor_IVars &state = StateOf(*plan.target);
    FetchMemory(*plan.target, Use::kMapping);
    Retained<IOMemoryMap> map;  // released after the lock, which its free() takes
    const std::lock_guard lock(state.mappings_mutex);
    if (Retained<IOMemoryMap> known = state.mappings.FindMap(plan.query)) {
        return known;
    }
    map.reset(OSTypeAlloc(IOMemoryMap));
    if (map == nullptr || !map->init()) {
        return std::unexpected(kIOReturnError);
    }
    auto mapping = ShareOrMapLocked(state, plan);
    if (!mapping) {
        return std::unexpected(mapping.error());
    }
    IOMemoryMap_IVars &map_state = *map->ivars;
    map_state.memory = Retain(plan.target);
    map_state.address = mapping->address;
    map_state.length = plan.query.length;
    map_state.offset = plan.query.offset;
    MappingRecord record = RecordOf(plan, std::move(*mapping));
    record.map = map.get();
    map_state.entry = state.mappings.Add(std::move(record));
    return map;
}

std::expected<uint64_t, kern_return_t> HoldMapping(const MappingPlan &plan,
                                                   IOMemoryDescriptor &holder) {
    IOMemoryDescriptor_IVars &state = StateOf(*plan.target);
    FetchMemory(*plan.target, Use::kMapping);
    HeldMapping held{plan.target, nullptr};
    uint64_t address = 0;
    {
        const std::lock_guard lock(state.mappings_mutex);
        auto mapping = ShareOrMapLocked(state, plan);
        if (!mapping) {
            return std::unexpected(mapping.error());
        }
        address = mapping->address;
        if (state.mappings.IsHeld(plan.query, address, holder)) {
            return address;
        }
        MappingRecord record = RecordOf(plan, std::move(*mapping));
        record.holder = &holder;
        held.entry = state.mappings.Add(std::move(record));
    }
    IOMemoryDescriptor_IVars &holder_state = StateOf(holder);
    const std::lock_guard lock(holder_state.mappings_mutex);
    holder_state.held_mappings.push_back(held);
    return address;
}

void ForgetMapping(IOMemoryDescriptor &target, MappingTable::Entry *entry) {
    IOMemoryDescriptor_IVars &state = StateOf(target);
    MappingRecord ended;  // unmapped after the lock
    const std::lock_guard lock(state.mappings_mutex);
    ended = state.mappings.Remove(entry);
}

void ForgetHeldMappings(IOMemoryDescriptor &holder) {
    for (const HeldMapping &held : std::exchange(StateOf(holder).held_mappings, {})) {
        ForgetMapping(*held.target, held.entry);
    }
}

}  // namespace opendext::memory
