// SPDX-License-Identifier: Apache-2.0
#include "runtime/memory/dma_preparation.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <optional>
#include <utility>

#include "base/checked.h"
#include "base/log.h"
#include "runtime/memory/descriptor_state.h"
#include "runtime/memory/dma_journal.h"
#include "runtime/memory/memory_census.h"

namespace opendext::memory {

namespace {

/// Whether the device can see `next` right after `piece`: it sees whole pages.
bool CanFollow(const DmaPiece &piece, const DmaPiece &next) {
    const uint64_t in_page = PageSize() - 1;
    const auto end = reinterpret_cast<uint64_t>(piece.address) + piece.num_bytes;
    const auto start = reinterpret_cast<uint64_t>(next.address);
    return (end & in_page) == 0 && (start & in_page) == 0;
}

/// A range of a descriptor as bytes of this process.
struct OpenedRange {
    std::vector<Extent> extents;
    std::vector<Window> windows;
};

std::optional<OpenedRange> OpenRange(const IOMemoryDescriptor &memory, uint64_t offset,
                                     uint64_t length, MapAccess access) {
    OpenedRange range;
    FetchMemory(memory, Use::kDma);
    if (!CollectExtents(memory, Use::kDma, offset, length, range.extents)) {
        return std::nullopt;
    }
    for (const Extent &extent : range.extents) {
        auto window = OpenWindow(extent, access);
        if (!window) {
            return std::nullopt;
        }
        range.windows.push_back(std::move(*window));
    }
    return range;
}

/// Whether a write to one may change the other. Their addresses do not tell: a region can be mapped twice.
bool MayOverlap(const OpenedRange &a, const OpenedRange &b) {
    return std::ranges::any_of(a.extents, [&](const Extent &of_a) {
        return std::ranges::any_of(
            b.extents, [&](const Extent &of_b) { return of_a.slice.region == of_b.slice.region; });
    });
}

/// Walks over the bytes of windows, one contiguous piece at a time.
class WindowCursor {
public:
    explicit WindowCursor(std::span<const Window> windows) : windows_(windows) {}

    [[nodiscard]] uint64_t contiguous() const {
        return index_ < windows_.size() ? windows_[index_].length - done_ : 0;
    }
    [[nodiscard]] std::byte *address() const { return windows_[index_].address + done_; }
    void Advance(uint64_t num_bytes) {
        done_ += num_bytes;
        if (done_ == windows_[index_].length) {
            ++index_;
            done_ = 0;
        }
    }

private:
    const std::span<const Window> windows_;
    size_t index_ = 0;
    uint64_t done_ = 0;
};

/// Copies from one to the other until one of them ends. They do not overlap.
void CopyWindows(std::span<const Window> from, std::span<const Window> to) {
    WindowCursor read(from);
    WindowCursor write(to);
    for (uint64_t run = std::min(read.contiguous(), write.contiguous()); run != 0;
         run = std::min(read.contiguous(), write.contiguous())) {
        std::memcpy(write.address(), read.address(), run);
        write.Advance(run);
        read.Advance(run);
    }
}

}  // namespace

DmaPreparation::DmaPreparation(std::shared_ptr<DmaMapper> mapper, const Request &request,
                               uint64_t direction)
    : mapper_(std::move(mapper)),
      memory_(Retain(request.memory)),
      offset_(request.offset),
      length_(request.length),
      direction_(direction),
      tag_(NotePreparation(
          {request.command, request.offset, request.length, direction, request.callers})) {
    CountPrepared(+1);
}

DmaPreparation::~DmaPreparation() {
    for (const IOAddressSegment &mapping : mappings_) {
        mapper_->UnmapFromDma(mapping.address, mapping.length);
    }
    NoteCompletion(tag_, completed_from_);
    CountPrepared(-1);
}

std::string DmaPreparation::Describe() const {
    return DescribePreparation(tag_);
}

std::expected<std::unique_ptr<DmaPreparation>, kern_return_t> DmaPreparation::Make(
    std::shared_ptr<DmaMapper> mapper, const Request &request) {
    const IOMemoryDescriptor_IVars &state = StateOf(*request.memory);
    if (request.length == 0 || !RangeIsWithin(request.offset, request.length,
                                              state.length.load(std::memory_order_relaxed))) {
        return std::unexpected(kIOReturnOverrun);
    }
    FetchMemory(*request.memory, Use::kDma);
    if (!MemoryIsThere(*request.memory)) {
        return std::unexpected(kIOReturnCannotWire);
    }
    std::unique_ptr<DmaPreparation> preparation(
        new DmaPreparation(std::move(mapper), request, state.direction));
    if (!CollectExtents(*request.memory, Use::kDma, request.offset, request.length,
                        preparation->extents_)) {
        return std::unexpected(kIOReturnCannotWire);
    }
    const kern_return_t status =
        preparation->MapExtents(preparation->extents_, request.max_address_bits);
    if (status != kIOReturnSuccess) {
        return std::unexpected(status);
    }
    return preparation;
}

kern_return_t DmaPreparation::MapExtents(std::span<const Extent> extents,
                                         uint8_t max_address_bits) {
    // Memory that the device only reads may be memory that nobody here can write.
    const MapAccess access =
        direction_ == kIOMemoryDirectionOut ? MapAccess::kReadOnly : MapAccess::kReadWrite;
    std::vector<DmaPiece> pieces;
    for (const Extent &extent : extents) {
        auto window = OpenWindow(extent, access);
        if (!window) {
            LogWarning("PrepareForDMA: cannot map {} bytes: {}", extent.length(),
                       std::strerror(window.error()));
            return kIOReturnVMError;
        }
        const SharedSlice &slice = extent.slice;
        pieces.push_back({window->address, window->length, slice.region.get(),
                          slice.region != nullptr ? slice.offset : 0});
        windows_.push_back(std::move(*window));
    }
    for (size_t first = 0; first < pieces.size();) {
        size_t end = first + 1;
        while (end < pieces.size() && CanFollow(pieces[end - 1], pieces[end])) {
            ++end;
        }
        const kern_return_t status =
            MapGroup(std::span(pieces).subspan(first, end - first), max_address_bits);
        if (status != kIOReturnSuccess) {
            return status;
        }
        first = end;
    }
    return kIOReturnSuccess;
}

kern_return_t DmaPreparation::MapGroup(std::span<const DmaPiece> pieces, uint8_t max_address_bits) {
    uint64_t num_bytes = 0;
    for (const DmaPiece &piece : pieces) {
        num_bytes += piece.num_bytes;
    }
    // Direction None means that the driver did not say: both.
    const uint64_t direction = direction_ != 0 ? direction_ : uint64_t{kIOMemoryDirectionInOut};
    const auto address = mapper_->MapForDma({pieces, direction, max_address_bits, tag_});
    if (!address) {
        return address.error();
    }
    mappings_.push_back({*address, num_bytes});
    if (!segments_.empty() && segments_.back().address + segments_.back().length == *address) {
        segments_.back().length += num_bytes;
    } else {
        segments_.push_back({*address, num_bytes});
    }
    return kIOReturnSuccess;
}

kern_return_t CopyBetween(const IOMemoryDescriptor *from, uint64_t from_offset,
                          const IOMemoryDescriptor &to, uint64_t to_offset, uint64_t length) {
    const auto target = OpenRange(to, to_offset, length, MapAccess::kReadWrite);
    if (!target) {
        return kIOReturnUnderrun;
    }
    if (from == nullptr) {
        for (const Window &window : target->windows) {
            std::memset(window.address, 0, window.length);
        }
        return kIOReturnSuccess;
    }
    const auto source = OpenRange(*from, from_offset, length, MapAccess::kReadOnly);
    if (!source) {
        return kIOReturnUnderrun;
    }
    if (!MayOverlap(*source, *target)) {
        CopyWindows(source->windows, target->windows);
        return kIOReturnSuccess;
    }
    const std::unique_ptr<std::byte[]> between(new (std::nothrow) std::byte[length]);
    if (between == nullptr) {
        return kIOReturnNoMemory;
    }
    const Window whole{between.get(), length, nullptr};
    CopyWindows(source->windows, {&whole, 1});
    CopyWindows({&whole, 1}, target->windows);
    return kIOReturnSuccess;
}

}  // namespace opendext::memory
