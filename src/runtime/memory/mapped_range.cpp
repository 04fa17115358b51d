// SPDX-License-Identifier: Apache-2.0
#include "runtime/memory/mapped_range.h"

#include <sys/mman.h>
#include <algorithm>
#include <cerrno>
#include <iterator>
#include <utility>

#include "base/checked.h"

namespace opendext::memory {

namespace {

constexpr uint64_t kLargeGuardBytes = 64ULL * 1024;

/// As on every system with a guarded page zero: nothing is ever mapped below.
constexpr uint64_t kLowestFixedAddress = 64ULL * 1024;

/// User address space ends here, or later.
constexpr uint64_t kEndOfFixedAddresses = 1ULL << 47;

uint64_t InPage(uint64_t offset) {
    return offset & (PageSize() - 1);
}

/// The whole pages that hold the run, in bytes; nullopt when that does not fit.
std::optional<uint64_t> PageBytes(const SharedSlice &slice) {
    const auto length = CheckedAdd(InPage(slice.offset), slice.length);
    return length ? CheckedAlignUp(*length, PageSize()) : std::nullopt;
}

/// How runs lie one after another in whole pages.
struct Layout {
    uint64_t num_bytes = 0;
    uint64_t page_bytes = 0;  ///< Of all pages together.
    bool has_gaps = false;
};

std::optional<Layout> LayOut(std::span<const Extent> extents) {
    Layout layout;
    for (size_t i = 0; i < extents.size(); ++i) {
        const SharedSlice &slice = extents[i].slice;
        const bool is_last = i + 1 == extents.size();
        layout.has_gaps = layout.has_gaps || (i != 0 && InPage(slice.offset) != 0) ||
                          (!is_last && InPage(slice.offset + slice.length) != 0);
        const auto pages = PageBytes(slice);
        const auto page_sum = pages ? CheckedAdd(layout.page_bytes, *pages) : std::nullopt;
        const auto sum = CheckedAdd(layout.num_bytes, slice.length);
        if (!page_sum || !sum) {
            return std::nullopt;
        }
        layout.page_bytes = *page_sum;
        layout.num_bytes = *sum;
    }
    return layout;
}

uint64_t GuardBytes(const MapRequest &request) {
    if (request.fixed_address || request.guard == Guard::kNone) {
        return 0;
    }
    return request.guard == Guard::kLarge ? kLargeGuardBytes : PageSize();
}

/// Takes `num_bytes` of free address space, at `fixed` when it is given.
std::expected<std::byte *, int> ReserveAddresses(uint64_t num_bytes,
                                                 std::optional<uint64_t> fixed) {
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    void *hint = nullptr;
    if (fixed) {
        if (*fixed < kLowestFixedAddress ||
            !RangeIsWithin(*fixed, num_bytes, kEndOfFixedAddresses)) {
            return std::unexpected(EINVAL);
        }
        flags |= MAP_FIXED_NOREPLACE;
        hint = reinterpret_cast<void *>(*fixed);
    }
    void *base = mmap(hint, num_bytes, PROT_NONE, flags, -1, 0);
    if (base == MAP_FAILED) {
        return std::unexpected(errno);
    }
    if (fixed && base != hint) {  // a kernel that does not know MAP_FIXED_NOREPLACE
        munmap(base, num_bytes);
        return std::unexpected(EEXIST);
    }
    return static_cast<std::byte *>(base);
}

}  // namespace

MappedRange::~MappedRange() {
    watch_.reset();
    if (reservation_ != nullptr) {
        munmap(reservation_, reservation_bytes_);
    }
}

void MappedRange::NoteIfReadOnly(const MapRequest &request) {
    if (request.access == MapAccess::kReadOnly) {
        read_only_entry_.emplace(ReadOnlyMapping{.start = reinterpret_cast<uintptr_t>(address_),
                                                 .num_bytes = length_,
                                                 .reason = request.read_only_reason,
                                                 .mapped_at = diagnostics::CallSite::OfDriver()});
    }
}

bool MappedRange::WatchPages(const std::byte *start, uint64_t num_bytes) {
    watch_ = WatchedPages::Watch(start, num_bytes);
    return watch_.has_value();
}

std::byte *MappedRange::AddressOf(uint64_t offset) const {
    if (pieces_.empty()) {
        return address_ + offset;
    }
    const auto after = std::ranges::upper_bound(pieces_, offset, {}, &Piece::offset);
    const Piece &piece = *std::prev(after);
    return piece.address + (offset - piece.offset);
}

int MappedRange::OverlayPages(std::span<const Extent> extents, MapAccess access,
                              std::byte *target) {
    uint64_t offset = 0;
    for (const Extent &extent : extents) {
        const SharedSlice &slice = extent.slice;
        const uint64_t in_page = InPage(slice.offset);
        const uint64_t num_bytes = PageBytes(slice).value_or(0);
        const bool is_private = extent.is_copied_on_write && access == MapAccess::kReadWrite;
        if (const int error =
                slice.region->MapOver(target, slice.offset - in_page, num_bytes,
                                      is_private ? MapAccess::kCopyOnWrite : access)) {
            return error;
        }
        regions_.push_back(slice.region);
        pieces_.push_back({offset, target + in_page});
        target += num_bytes;
        offset += slice.length;
    }
    return 0;
}

std::expected<std::shared_ptr<const MappedRange>, int> MappedRange::MakeOverlay(
    std::span<const Extent> extents, const MapRequest &request) {
    const auto layout = LayOut(extents);
    const uint64_t lead = InPage(extents.front().slice.offset);
    if (!layout || (layout->has_gaps && !request.may_have_gaps) ||
        (request.fixed_address && InPage(*request.fixed_address) != lead)) {
        return std::unexpected(EINVAL);
    }
    const uint64_t guard = GuardBytes(request);
    const auto reserved = CheckedAdd(layout->page_bytes, 2 * guard);
    if (!reserved) {
        return std::unexpected(EINVAL);
    }
    std::optional<uint64_t> fixed;
    if (request.fixed_address) {
        fixed = *request.fixed_address - lead;
    }
    const auto base = ReserveAddresses(*reserved, fixed);
    if (!base) {
        return std::unexpected(base.error());
    }
    std::shared_ptr<MappedRange> range(new MappedRange(*base + guard + lead, layout->num_bytes));
    range->reservation_ = *base;
    range->reservation_bytes_ = *reserved;
    if (const int error = range->OverlayPages(extents, request.access, *base + guard)) {
        return std::unexpected(error);
    }
    const bool may_be_cut = std::ranges::any_of(
        extents, [](const Extent &extent) { return extent.slice.region->may_be_cut(); });
    if (may_be_cut && !range->WatchPages(*base + guard, layout->page_bytes)) {
        return std::unexpected(ENOMEM);
    }
    if (!layout->has_gaps) {
        range->pieces_.clear();
    }
    range->NoteIfReadOnly(request);
    return range;
}

std::expected<std::shared_ptr<const MappedRange>, int> MappedRange::MakeOfDevice(
    std::span<const Extent> extents, const MapRequest &request) {
    if (extents.size() != 1 || request.fixed_address || request.access == MapAccess::kReadOnly) {
        return std::unexpected(EOPNOTSUPP);
    }
    const Extent &extent = extents.front();
    std::shared_ptr<MappedRange> range(new MappedRange(extent.device_address, extent.length()));
    range->keeper_ = extent.keeper;
    return range;
}

std::expected<std::shared_ptr<const MappedRange>, int> MappedRange::Make(
    std::span<const Extent> extents, const MapRequest &request) {
    if (extents.empty()) {
        return std::unexpected(EINVAL);
    }
    const bool all_shared = std::ranges::all_of(
        extents, [](const Extent &extent) { return extent.slice.region != nullptr; });
    if (!all_shared) {
        return MakeOfDevice(extents, request);
    }
    const Extent &first = extents.front();
    const bool is_private = first.is_copied_on_write && request.access == MapAccess::kReadWrite;
    if (extents.size() != 1 || request.fixed_address || request.guard == Guard::kLarge ||
        is_private) {
        return MakeOverlay(extents, request);
    }
    // A view has small guards and is shared by all who map these pages.
    const SharedSlice &slice = first.slice;
    auto view = slice.region->View(slice.offset, slice.length, request.access);
    if (!view) {
        return std::unexpected(view.error());
    }
    std::byte *address = (*view)->address() + (slice.offset - (*view)->offset());
    std::shared_ptr<MappedRange> range(new MappedRange(address, slice.length));
    range->keeper_ = std::move(*view);
    range->NoteIfReadOnly(request);
    return range;
}

}  // namespace opendext::memory
