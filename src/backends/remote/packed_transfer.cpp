// SPDX-License-Identifier: Apache-2.0
#include "backends/remote/packed_transfer.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/checked.h"
#include "base/copy_out.h"

namespace opendext::backends::remote {

namespace {

constexpr uint64_t kAlignment = alignof(uint64_t);

bool IsIn(const UsbTransfer &transfer) {
    return transfer.type == UsbTransferType::kControl ? transfer.setup.is_in()
                                                      : transfer.endpoint.is_in();
}

/// @return nullopt when a piece is nowhere, or the sum is more than a transfer can have.
std::optional<uint64_t> NumBytesOf(const std::vector<HostSpan> &buffer) {
    uint64_t sum = 0;
    for (const HostSpan &piece : buffer) {
        const auto next = CheckedAdd(sum, piece.num_bytes);
        const bool is_nowhere = piece.address == nullptr && piece.num_bytes != 0;
        if (is_nowhere || !next || *next > kMostTransferBytes) {
            return std::nullopt;
        }
        sum = *next;
    }
    return sum;
}

bool FramesFit(const UsbTransfer &transfer, uint64_t num_bytes) {
    uint64_t sum = 0;
    for (const UsbIsochronousFrame &frame : transfer.frames) {
        sum += frame.num_requested;
    }
    return transfer.frames.size() <= kMostFrames && sum <= num_bytes;
}

/// Copies [offset, offset + num_bytes) of a transfer's data from one memory to the buffer's pieces, or from them.
class PieceCopy {
public:
    explicit PieceCopy(const std::vector<HostSpan> &buffer) : buffer_(buffer) {}

    void ToPieces(const std::byte *copy, uint64_t offset, uint64_t num_bytes) const {
        ForEach(offset, num_bytes, [&](std::byte *piece, uint64_t at, uint64_t length) {
            std::memcpy(piece, copy + at, length);
        });
    }
    void FromPieces(std::byte *copy, uint64_t num_bytes) const {
        ForEach(0, num_bytes, [&](const std::byte *piece, uint64_t at, uint64_t length) {
            std::memcpy(copy + at, piece, length);
        });
    }

private:
    template <typename Function>
    void ForEach(uint64_t offset, uint64_t num_bytes, Function function) const {
        uint64_t start = 0;  // of the piece, in the data
        const uint64_t end = offset + num_bytes;
        for (const HostSpan &piece : buffer_) {
            const uint64_t first = std::max(offset, start);
            const uint64_t last = std::min(end, start + piece.num_bytes);
            if (first < last) {
                function(piece.address + (first - start), first, last - first);
            }
            start += piece.num_bytes;
        }
    }

    const std::vector<HostSpan> &buffer_;
};

}  // namespace

UsbStatus PackedTransfer::Pack(const UsbTransfer &transfer, Slot &slot, OutgoingMemory &memory,
                               SubmissionEntry &entry) {
    const auto num_bytes = NumBytesOf(transfer.buffer);
    const bool is_control = transfer.type == UsbTransferType::kControl;
    if (!num_bytes || !FramesFit(transfer, *num_bytes) ||
        (is_control && transfer.setup.length > *num_bytes)) {
        return UsbStatus::kInvalidArgument;
    }
    num_wanted_ = is_control ? transfer.setup.length : *num_bytes;
    entry.type = static_cast<uint8_t>(transfer.type);
    entry.endpoint = transfer.endpoint.value;
    entry.stream = transfer.stream;
    entry.timeout_ms = transfer.timeout_ms;
    entry.setup_request_type = transfer.setup.request_type;
    entry.setup_request = transfer.setup.request;
    entry.setup_value = transfer.setup.value;
    entry.setup_index = transfer.setup.index;
    entry.setup_length = transfer.setup.length;
    entry.first_frame = transfer.first_frame;
    const bool has_data =
        num_wanted_ == 0 || NamePieces(transfer, memory) || CopyPieces(transfer, slot, memory);
    if (!has_data || !PlaceList(transfer, slot, memory, entry)) {
        Release(memory);
        return UsbStatus::kNoResources;
    }
    return UsbStatus::kSuccess;
}

bool PackedTransfer::NamePieces(const UsbTransfer &transfer, OutgoingMemory &memory) {
    if (num_wanted_ <= kSlotBytes || transfer.buffer.size() > kMostPieces) {
        return false;
    }
    for (const HostSpan &piece : transfer.buffer) {
        if (piece.num_bytes == 0) {
            continue;
        }
        if (piece.region == nullptr ||
            !RangeIsWithin(piece.region_offset, piece.num_bytes, piece.region->num_bytes())) {
            EndUses(memory);
            return false;
        }
        const RegisteredRegions::Use use = memory.regions->Begin(*piece.region);
        if (use.region_id == 0) {
            EndUses(memory);
            return false;
        }
        uses_.push_back(use);
        ranges_.push_back({use.region_id, piece.region_offset, piece.num_bytes});
    }
    return true;
}

bool PackedTransfer::CopyPieces(const UsbTransfer &transfer, Slot &slot, OutgoingMemory &memory) {
    const auto place = Allocate(num_wanted_, slot, memory);
    if (!place) {
        return false;
    }
    copied_ = place->address;
    ranges_.push_back(place->range);
    if (!IsIn(transfer)) {
        PieceCopy(transfer.buffer).FromPieces(copied_, num_wanted_);
    }
    return true;
}

bool PackedTransfer::PlaceList(const UsbTransfer &transfer, Slot &slot, OutgoingMemory &memory,
                               SubmissionEntry &entry) {
    entry.num_pieces = static_cast<uint32_t>(ranges_.size());
    entry.num_frames = static_cast<uint32_t>(transfer.frames.size());
    entry.data = ranges_.empty() ? WireRange{} : ranges_.front();
    if (ranges_.size() <= 1 && transfer.frames.empty()) {
        return true;
    }
    const uint64_t range_bytes = ranges_.size() * sizeof(WireRange);
    const auto place =
        Allocate(range_bytes + transfer.frames.size() * sizeof(WireFrame), slot, memory);
    if (!place) {
        return false;
    }
    if (range_bytes != 0) {
        std::memcpy(place->address, ranges_.data(), range_bytes);
    }
    frames_ = place->address + range_bytes;
    for (size_t i = 0; i < transfer.frames.size(); ++i) {
        const WireFrame frame = {.num_requested = transfer.frames[i].num_requested,
                                 .num_done = 0,
                                 .status = static_cast<uint32_t>(UsbStatus::kUnderrun),
                                 .reserved = 0,
                                 .mach_time = 0};
        std::memcpy(frames_ + i * sizeof(frame), &frame, sizeof(frame));
    }
    entry.data = place->range;
    return true;
}

std::optional<PackedTransfer::Place> PackedTransfer::Allocate(uint64_t num_bytes, Slot &slot,
                                                              OutgoingMemory &memory) {
    if (num_bytes <= kSlotBytes - num_slot_bytes_) {
        const uint64_t offset = num_slot_bytes_;
        num_slot_bytes_ = (offset + num_bytes + kAlignment - 1) & ~(kAlignment - 1);
        return Place{.range = {0, offset, num_bytes}, .address = slot.data.data() + offset};
    }
    std::shared_ptr<SharedRegion> block = memory.staging.Take(num_bytes);
    if (block == nullptr) {
        return std::nullopt;
    }
    const RegisteredRegions::Use use = memory.regions->Begin(*block);
    std::byte *const address = block->Writable();
    blocks_.push_back(std::move(block));
    if (use.region_id == 0) {
        return std::nullopt;
    }
    uses_.push_back(use);
    return Place{.range = {use.region_id, 0, num_bytes}, .address = address};
}

std::optional<UsbOutcome> PackedTransfer::Unpack(UsbTransfer &transfer,
                                                 const CompletionEntry &completion) const {
    if (completion.status > static_cast<uint8_t>(UsbStatus::kUnderrun) ||
        completion.value > num_wanted_) {
        return std::nullopt;
    }
    UsbOutcome outcome = {.status = static_cast<UsbStatus>(completion.status),
                          .num_bytes = completion.value};
    if (!transfer.frames.empty()) {
        return TakeFrames(transfer, outcome.num_bytes) ? std::optional(outcome) : std::nullopt;
    }
    if (copied_ != nullptr && IsIn(transfer)) {
        PieceCopy(transfer.buffer).ToPieces(copied_, 0, outcome.num_bytes);
    }
    return outcome;
}

bool PackedTransfer::TakeFrames(UsbTransfer &transfer, uint64_t &num_bytes) const {
    uint64_t offset = 0;
    for (size_t i = 0; i < transfer.frames.size(); ++i) {
        const auto *const shared =
            reinterpret_cast<const WireFrame *>(frames_ + i * sizeof(WireFrame));
        const WireFrame done = CopyOut(*shared);
        UsbIsochronousFrame &frame = transfer.frames[i];
        if (done.num_done > frame.num_requested ||
            done.status > static_cast<uint32_t>(UsbStatus::kUnderrun)) {
            return false;
        }
        frame.num_done = done.num_done;
        frame.status = static_cast<UsbStatus>(done.status);
        frame.mach_time = done.mach_time;
        if (copied_ != nullptr && IsIn(transfer)) {
            PieceCopy(transfer.buffer).ToPieces(copied_, offset, frame.num_done);
        }
        offset += frame.num_requested;
    }
    return num_bytes <= offset;
}

void PackedTransfer::EndUses(OutgoingMemory &memory) {
    for (const RegisteredRegions::Use &use : uses_) {
        memory.regions->End(use);
    }
    uses_.clear();
    ranges_.clear();
}

void PackedTransfer::Release(OutgoingMemory &memory) {
    EndUses(memory);
    for (std::shared_ptr<SharedRegion> &block : blocks_) {
        memory.staging.Give(std::move(block));
    }
    blocks_.clear();
    copied_ = nullptr;
    frames_ = nullptr;
    num_slot_bytes_ = 0;
    num_wanted_ = 0;
}

}  // namespace opendext::backends::remote
