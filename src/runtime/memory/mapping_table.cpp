// SPDX-License-Identifier: Apache-2.0
#include "runtime/memory/mapping_table.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/checked.h"
#include "runtime/object/object_internals.h"

namespace opendext::memory {

namespace {

bool Holds(const MappingRecord &record, const MappingQuery &query) {
    return query.offset >= record.offset &&
           RangeIsWithin(query.offset - record.offset, query.length, record.length);
}

uint64_t TagOf(const IOMemoryDescriptor *holder) {
    return reinterpret_cast<uint64_t>(holder);
}

}  // namespace

bool MappingTable::Suits(const Group &group, const MappingQuery &query) {
    const MappingTraits &wanted = query.traits;
    return (wanted.cache_mode == kIOMemoryMapCacheModeDefault ||
            wanted.cache_mode == group.traits.cache_mode) &&
           wanted.access == group.traits.access && wanted.guard == group.traits.guard;
}

MappingTable::Group &MappingTable::GroupOf(const MappingTraits &traits) {
    const auto found = std::ranges::find(groups_, traits, &Group::traits);
    if (found != groups_.end()) {
        return *found;
    }
    groups_.push_back(Group{traits, {}, {}, {}});
    return groups_.back();
}

MappingTable::Entry *MappingTable::Add(MappingRecord record) {
    Group &group = GroupOf(record.traits);
    const uint64_t start = record.offset;
    const uint64_t end = record.offset + record.length;
    const uint64_t tag = record.map == nullptr ? TagOf(record.holder) : record.address;
    auto &index = record.map == nullptr ? group.of_holders : group.of_maps;
    Entry *entry = index.Insert(start, end, tag, Listed{std::move(record), std::nullopt});
    // Nothing else is ever asked for by its address.
    if (group.traits.guard == Guard::kNone) {
        const MappingRecord &added = entry->value.record;
        entry->value.in_address_order =
            group.by_address.emplace(std::pair(added.address, end), &added);
    }
    return entry;
}

MappingRecord MappingTable::Remove(Entry *entry) {
    const Listed &listed = entry->value;
    Group &group = GroupOf(listed.record.traits);
    if (listed.in_address_order) {
        group.by_address.erase(*listed.in_address_order);
    }
    return (listed.record.map == nullptr ? group.of_holders : group.of_maps).Erase(entry).record;
}

Retained<IOMemoryMap> MappingTable::FindMap(const MappingQuery &query) const {
    const uint64_t end = query.offset + query.length;
    const uint64_t first = query.fixed_address.value_or(0);
    const uint64_t last = query.fixed_address.value_or(UINT64_MAX);
    const auto retain = [](const Listed &listed) {
        return object::ObjectInternals::TryRetain(listed.record.map);
    };
    for (const Group &group : groups_) {
        const Entry *entry = Suits(group, query)
                                 ? group.of_maps.FindSame(query.offset, end, first, last, retain)
                                 : nullptr;
        if (entry != nullptr) {
            return Retained<IOMemoryMap>(entry->value.record.map);
        }
    }
    return nullptr;
}

bool MappingTable::IsHeld(const MappingQuery &query, uint64_t address,
                          const IOMemoryDescriptor &holder) const {
    const uint64_t end = query.offset + query.length;
    const uint64_t tag = TagOf(&holder);
    const auto is_there = [address](const Listed &listed) {
        return listed.record.address == address;
    };
    return std::ranges::any_of(groups_, [&](const Group &group) {
        return Suits(group, query) &&
               group.of_holders.FindSame(query.offset, end, tag, tag, is_there) != nullptr;
    });
}

const MappingRecord *MappingTable::FindCoveringIn(const Group &group, const MappingQuery &query) {
    if (query.fixed_address) {
        const auto after = group.by_address.upper_bound({*query.fixed_address, UINT64_MAX});
        if (after == group.by_address.begin()) {
            return nullptr;
        }
        const auto &[key, longest] = *std::prev(after);
        return key.first == *query.fixed_address && Holds(*longest, query) ? longest : nullptr;
    }
    for (const auto *index : {&group.of_maps, &group.of_holders}) {
        if (const Entry *entry = index->FindCovering(query.offset, query.offset + query.length)) {
            return &entry->value.record;
        }
    }
    return nullptr;
}

const MappingRecord *MappingTable::FindCovering(const MappingQuery &query) const {
    for (const Group &group : groups_) {
        const MappingRecord *record = Suits(group, query) ? FindCoveringIn(group, query) : nullptr;
        if (record != nullptr) {
            return record;
        }
    }
    return nullptr;
}

}  // namespace opendext::memory
