// SPDX-License-Identifier: Apache-2.0
/// @file mapping_table.h
/// The mappings of a descriptor that exist, found by range. Private to this room.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <DriverKit/IOMemoryDescriptor.h>
#include <DriverKit/IOMemoryMap.h>

#include "base/interval_index.h"
#include "runtime/memory/mapped_range.h"
#include "runtime/memory/retained.h"

namespace opendext::memory {

/// How a mapping is to be, apart from its range. Mappings that differ in it are not shared.
struct MappingTraits {
    MapAccess access = MapAccess::kReadWrite;
    Guard guard = Guard::kSmall;
    uint64_t cache_mode = kIOMemoryMapCacheModeDefault;

    bool operator==(const MappingTraits &) const = default;
};

/// Which mapping is wanted. `length` is not 0, and the range does not overflow.
struct MappingQuery {
    MappingTraits traits;
    std::optional<uint64_t> fixed_address;
    uint64_t offset = 0;
    uint64_t length = 0;
};

/// A mapping of a descriptor: `map` made it or shares it, or (NULL) IOMemoryDescriptor::Map of `holder` did.
/// Whichever it is takes the record out of the table before it is gone.
struct MappingRecord {
    uint64_t offset = 0;
    uint64_t length = 0;
    uint64_t address = 0;
    MappingTraits traits;
    IOMemoryMap *map = nullptr;
    const IOMemoryDescriptor *holder = nullptr;
    std::shared_ptr<const MappedRange> range;
    uint64_t range_start = 0;  ///< Which offset of the descriptor lies at the start of `range`.
};

/// Every operation takes O(log n), among any number of mappings. One thread at a time: it is used under its
/// descriptor's lock.
class MappingTable {
    struct Listed;

public:
    /// Names a record until it is removed.
    using Entry = IntervalIndex<Listed>::Node;

    Entry *Add(MappingRecord record);

    /// @return the record: let go of its range without the lock.
    [[nodiscard]] MappingRecord Remove(Entry *entry);

    /// The object that maps exactly the range, +1, or NULL.
    [[nodiscard]] Retained<IOMemoryMap> FindMap(const MappingQuery &query) const;

    /// Whether `holder` maps exactly so at `address`.
    [[nodiscard]] bool IsHeld(const MappingQuery &query, uint64_t address,
                              const IOMemoryDescriptor &holder) const;

    /// A mapping that holds the range, or NULL.
    [[nodiscard]] const MappingRecord *FindCovering(const MappingQuery &query) const;

private:
    /// Address and end of the range. Mappings of one address start at the same offset.
    using AddressIndex = std::multimap<std::pair<uint64_t, uint64_t>, const MappingRecord *>;
    struct Listed {
        MappingRecord record;
        std::optional<AddressIndex::iterator> in_address_order;
    };
    /// The mappings of equal traits. `of_maps` are those of objects, tagged with their address; `of_holders` the
    /// others, tagged with their holder's.
    struct Group {
        MappingTraits traits;
        IntervalIndex<Listed> of_maps;
        IntervalIndex<Listed> of_holders;
        AddressIndex by_address;
    };

    /// Whether mappings of the group do for the query.
    [[nodiscard]] static bool Suits(const Group &group, const MappingQuery &query);
    [[nodiscard]] static const MappingRecord *FindCoveringIn(const Group &group,
                                                             const MappingQuery &query);
    [[nodiscard]] Group &GroupOf(const MappingTraits &traits);

    std::vector<Group> groups_;
};

}  // namespace opendext::memory
