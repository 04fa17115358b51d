// SPDX-License-Identifier: Apache-2.0
#include "channel/transport/client_mappings.h"

#include <sys/mman.h>
#include <optional>
#include <utility>
#include <vector>

#include "base/checked.h"
#include "channel/wire/io_result.h"

namespace opendext::channel {

namespace {

/// @return the bytes of the slices together, or nullopt when they cannot be mapped as one range.
std::optional<uint64_t> LengthOf(const std::vector<SharedSlice> &slices) {
    if (slices.empty() || slices.size() > kMaxGrantSlices) {
        return std::nullopt;
    }
    std::optional<uint64_t> total = 0;
    for (const SharedSlice &slice : slices) {
        const bool is_first = &slice == &slices.front();
        const bool is_last = &slice == &slices.back();
        if (slice.region == nullptr || slice.length == 0 ||
            !RangeIsWithin(slice.offset, slice.length, slice.region->num_bytes()) ||
            (!is_first && slice.offset % PageSize() != 0) ||
            (!is_last && (slice.offset + slice.length) % PageSize() != 0)) {
            return std::nullopt;
        }
        total = CheckedAdd(*total, slice.length);
        if (!total) {
            return std::nullopt;
        }
    }
    return total;
}

/// Inaccessible pages, at `wanted` unless that is NULL; empty when they are taken.
MappedRegion Reserve(std::byte *wanted, uint64_t num_bytes) {
    const int placing = wanted == nullptr ? 0 : MAP_FIXED_NOREPLACE;
    void *const address = mmap(wanted, num_bytes, PROT_NONE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | placing, -1, 0);
    if (address == MAP_FAILED) {
        return {};
    }
    MappedRegion pages = MappedRegion::Adopt(address, num_bytes);
    if (wanted != nullptr && address != wanted) {
        pages.Reset();
    }
    return pages;
}

}  // namespace

std::expected<ClientMapping, int32_t> ClientMappings::Map(const SharedMemoryGrant &grant,
                                                          std::byte *fixed_address) {
    const auto length = LengthOf(grant.slices);
    if (!length) {
        return std::unexpected(kIoBadArgument);
    }
    const std::lock_guard lock(mutex_);
    if (const auto known = mappings_.find(grant.id); known != mappings_.end()) {
        return known->second.view;
    }
    const uint64_t page = PageSize();
    const uint64_t in_page = grant.slices.front().offset % page;
    const auto fixed = reinterpret_cast<uintptr_t>(fixed_address);
    const auto num_bytes = CheckedAlignUp(in_page + *length, page);
    if (!num_bytes || (fixed != 0 && fixed % page != in_page)) {
        return std::unexpected(kIoBadArgument);
    }
    MappedRegion pages = Reserve(fixed == 0 ? nullptr : fixed_address - in_page, *num_bytes);
    if (!pages.is_mapped()) {
        return std::unexpected(kIoBadArgument);
    }
    const MapAccess access = grant.read_only ? MapAccess::kReadOnly : MapAccess::kReadWrite;
    std::byte *next = pages.data();
    for (const SharedSlice &slice : grant.slices) {
        const uint64_t before = slice.offset % page;
        const uint64_t num_piece = (before + slice.length + page - 1) & ~(page - 1);
        if (slice.region->MapOver(next, slice.offset - before, num_piece, access) != 0) {
            return std::unexpected(kIoBadArgument);
        }
        next += num_piece;
    }
    const ClientMapping view{.address = pages.data() + in_page, .length = *length};
    mappings_.emplace(grant.id, Mapping{.pages = std::move(pages), .view = view});
    return view;
}

int32_t ClientMappings::Unmap(uint64_t grant_id) {
    const std::lock_guard lock(mutex_);
    return mappings_.erase(grant_id) == 0 ? kIoBadArgument : kSuccess;
}

void ClientMappings::UnmapAll() {
    const std::lock_guard lock(mutex_);
    mappings_.clear();
}

}  // namespace opendext::channel
