// SPDX-License-Identifier: Apache-2.0
#include "backends/libusb/transfer_pieces.h"

#include <algorithm>
#include <cstring>

namespace opendext::backends {
namespace {

/// The largest packet of a bulk endpoint; all smaller ones divide it.
constexpr uint64_t kPacketBytes = 1024;

uint64_t WholePackets(uint64_t num_bytes) {
    return num_bytes / kPacketBytes * kPacketBytes;
}

/// Calls `copy(memory of the buffer, offset in the flat memory, bytes)` for each span concerned.
template <typename Copy>
void ForEachSpan(std::span<const HostSpan> buffer, BufferPosition position, uint64_t num_bytes,
                 Copy copy) {
    uint64_t done = 0;
    while (done < num_bytes && position.span < buffer.size()) {
        const HostSpan &span = buffer[position.span];
        const uint64_t length = std::min(num_bytes - done, span.num_bytes - position.offset);
        if (length != 0) {
            copy(span.address + position.offset, done, length);
        }
        done += length;
        position = {.span = position.span + 1, .offset = 0};
    }
}

}  // namespace

TransferPiece PieceCutter::Peek() const {
    TransferPiece piece{.position = position_};
    if (num_left_ == 0 || position_.span >= buffer_.size()) {
        return piece;
    }
    const HostSpan &span = buffer_[position_.span];
    const uint64_t contiguous = std::min(span.num_bytes - position_.offset, num_left_);
    const bool is_rest = contiguous == num_left_ && contiguous <= max_piece_bytes_;
    if (is_rest || (contiguous >= kMinDirectBytes && max_piece_bytes_ != kWhole)) {
        piece.num_bytes =
            is_rest ? contiguous : WholePackets(std::min(contiguous, max_piece_bytes_));
        piece.memory = span.address + position_.offset;
    } else {
        piece.num_bytes =
            max_piece_bytes_ == kWhole ? num_left_ : std::min(num_left_, kMaxGatherBytes);
    }
    return piece;
}

void PieceCutter::Take(const TransferPiece &piece) {
    has_cut_ = true;
    num_left_ -= piece.num_bytes;
    position_.offset += piece.num_bytes;
    while (position_.span < buffer_.size() &&
           position_.offset >= buffer_[position_.span].num_bytes) {
        position_.offset -= buffer_[position_.span].num_bytes;
        ++position_.span;
    }
}

void CopyFromBuffer(std::span<const HostSpan> buffer, BufferPosition position,
                    std::span<std::byte> memory) {
    ForEachSpan(buffer, position, memory.size(),
                [&](const std::byte *source, uint64_t offset, uint64_t length) {
                    std::memcpy(memory.data() + offset, source, length);
                });
}

void CopyToBuffer(std::span<const HostSpan> buffer, BufferPosition position,
                  std::span<const std::byte> memory) {
    ForEachSpan(buffer, position, memory.size(),
                [&](std::byte *target, uint64_t offset, uint64_t length) {
                    std::memcpy(target, memory.data() + offset, length);
                });
}

}  // namespace opendext::backends
