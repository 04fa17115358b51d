// SPDX-License-Identifier: Apache-2.0
#include "channel/transport/memory_loans.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/checked.h"
#include "base/log.h"
#include "base/mapping.h"
#include "channel/memory/address_space.h"
#include "channel/transport/lent_structure.h"
#include "channel/wire/io_result.h"

namespace opendext::channel {

namespace {

/// The segments with those that follow each other in the application made one (semantics.md 2.9).
std::vector<AppRange> RangesOf(std::span<const ClientSegment> segments) {
    std::vector<AppRange> ranges;
    for (const ClientSegment &segment : segments) {
        if (!ranges.empty() && ranges.back().address + ranges.back().length == segment.address) {
            ranges.back().length += segment.length;
        } else {
            ranges.push_back({segment.address, segment.length});
        }
    }
    return ranges;
}

bool IsWritable(const AppRange &range) {
    AddressSpace space;
    const uint64_t end = range.address + range.length;
    for (uint64_t at = range.address; at < end;) {
        const auto area = space.AreaAt(at);
        if (!area || !area->is_writable) {
            return false;
        }
        at = area->end;
    }
    return true;
}

void AddMissing(uint64_t length, LentMemory &lent) {
    lent.pieces.push_back(
        {.slice = {.region = nullptr, .offset = 0, .length = length}, .region_id = 0});
}

}  // namespace

std::vector<WireSlice> LentMemory::wire_slices() const {
    std::vector<WireSlice> slices;
    slices.reserve(pieces.size());
    for (const LentPiece &piece : pieces) {
        slices.push_back({piece.slice.region == nullptr ? 0 : piece.region_id, piece.slice.offset,
                          piece.slice.length});
    }
    return slices;
}

LentMemory MemoryLoans::Lend(const ClientMemoryRequest &request) {
    LentMemory lent;
    std::vector<ToCopy> to_copy;
    const MapAccess access = request.driver_writes ? MapAccess::kReadWrite : MapAccess::kReadOnly;
    for (const AppRange &range : RangesOf(request.segments)) {
        if (request.is_shared) {
            lent.result = LendShared(range, access, lent);
        } else if (request.driver_writes && !IsWritable(range)) {
            AddMissing(range.length, lent);
        } else if (request.driver_writes || !LendOwnPages(range, lent)) {
            to_copy.push_back({range, lent.pieces.size()});
            AddMissing(range.length, lent);
        }
        if (lent.result != kSuccess) {
            break;
        }
    }
    if (lent.result == kSuccess) {
        lent.result = Copy(to_copy, lent);
    }
    if (lent.result == kSuccess && lent.pieces.size() > kMaxAnswerSlices) {
        LogWarning(
            "the driver asked for memory that lies in {} pieces; there may be {}. Allocate buffers "
            "that are "
            "shared in one go with mach_vm_allocate",
            lent.pieces.size(), kMaxAnswerSlices);
        lent.result = kIoNoMemory;
    }
    if (lent.result != kSuccess) {
        lent.pieces.clear();
    }
    return lent;
}

int32_t MemoryLoans::LendShared(const AppRange &range, MapAccess access, LentMemory &lent) {
    if (access == MapAccess::kReadWrite) {
        // A snapshot that stands on these pages becomes one for good now.
        for (auto snapshot = own_pages_.begin(); snapshot != own_pages_.end();) {
            if (RangesOverlap(snapshot->range, range)) {
                lender_.Leave(snapshot->range, std::move(snapshot->pages));
                snapshot = own_pages_.erase(snapshot);
            } else {
                ++snapshot;
            }
        }
        AddWritten(range);
    }
    auto shared = lender_.Share(range, access);
    if (!shared) {
        if (shared.error() == ShareFailure::kNoMemory) {
            return kIoNoMemory;
        }
        // That this process may move no pages at all has been said.
        if (shared.error() == ShareFailure::kNotMovable) {
            lender_.WarnNotShared("kIOMemoryDisableCopyOnWrite", range, shared.error());
        }
        AddMissing(range.length, lent);
        return kSuccess;
    }
    for (LentPages &pages : *shared) {
        AddPages(std::move(pages), lent);
    }
    return kSuccess;
}

void MemoryLoans::AddPages(LentPages pages, LentMemory &lent) {
    lent.pieces.push_back({.slice = pages.slice, .region_id = pages.use.region_id()});
    uses_.push_back(std::move(pages.use));
}

bool MemoryLoans::LendOwnPages(const AppRange &range, LentMemory &lent) {
    const bool is_written = std::ranges::any_of(
        written_, [&](const AppRange &written) { return RangesOverlap(written, range); });
    if (snapshots_ == Snapshots::kForGood || is_written) {
        return false;
    }
    auto pages = lender_.FindOrShare(range, MapAccess::kReadOnly, AppMemory::Pins::kNone);
    if (!pages) {
        return false;
    }
    lent.pieces.push_back({.slice = pages->slice, .region_id = pages->use.region_id()});
    own_pages_.push_back({range, *std::move(pages)});
    return true;
}

int32_t MemoryLoans::Copy(const std::vector<ToCopy> &to_copy, LentMemory &lent) {
    const uint64_t page = PageSize();
    std::optional<uint64_t> num_bytes = 0;
    for (const ToCopy &each : to_copy) {
        // Each from a page boundary on, at its own offset in the page.
        num_bytes = CheckedAdd(*num_bytes, each.range.address % page);
        num_bytes = num_bytes ? CheckedAdd(*num_bytes, each.range.length) : std::nullopt;
        num_bytes = num_bytes ? CheckedAlignUp(*num_bytes, page) : std::nullopt;
        if (!num_bytes) {
            return kIoNoMemory;
        }
    }
    if (to_copy.empty()) {
        return kSuccess;
    }
    ChunkLoan &copy = copies_.emplace_back(lender_.arena());
    if (!copy.Take(*num_bytes)) {
        return kIoNoMemory;
    }
    uint64_t start = 0;
    bool has_copied = false;
    for (const ToCopy &each : to_copy) {
        const uint64_t offset = start + each.range.address % page;
        const auto *const source = reinterpret_cast<const void *>(each.range.address);
        if (copy.Fill(offset, source, each.range.length) == each.range.length) {
            lent.pieces[each.piece] = {.slice = {.region = copy.chunk().region,
                                                 .offset = offset,
                                                 .length = each.range.length},
                                       .region_id = copy.chunk().region_id};
            has_copied = true;
        }
        start = (offset + each.range.length + page - 1) & ~(page - 1);
    }
    if (!has_copied) {
        copy.Return();
    }
    return kSuccess;
}

void MemoryLoans::TakeBack(bool is_kept) {
    for (Snapshot &snapshot : own_pages_) {
        if (is_kept) {
            lender_.Leave(snapshot.range, std::move(snapshot.pages));
        }
    }
    for (ChunkLoan &copy : copies_) {
        if (is_kept) {
            copy.Abandon();
        }
    }
    own_pages_.clear();
    copies_.clear();
    uses_.clear();
}

}  // namespace opendext::channel
