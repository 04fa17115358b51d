// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "backends/api/dma_address_space.h"

namespace opendext::backends {

/// A place in a buffer of several pieces of memory.
struct BufferPosition {
    size_t span = 0;
    uint64_t offset = 0;  ///< In that span.
};

/// A part of a transfer that libusb is given as one.
struct TransferPiece {
    BufferPosition position;
    uint64_t num_bytes = 0;
    std::byte *memory = nullptr;  ///< Where it lies; NULL: in several spans, to be copied.
};

/// Cuts the buffer of a transfer into pieces: contiguous memory as it is, small spans taken together. Every piece but
/// the last is a multiple of all packet sizes of bulk endpoints, so that only the last can end on a short packet. A
/// buffer of no bytes is one empty piece. The spans stay until the last use.
class PieceCutter {
public:
    /// Kernels have 16 MiB for all transfers of user space together; this is large enough for full speed.
    static constexpr uint64_t kMaxPieceBytes = 1024UL * 1024;
    /// For transfers that may not be cut.
    static constexpr uint64_t kWhole = UINT64_MAX;
    /// What is smaller than this is copied, together with what follows it, up to kMaxGatherBytes, unless the whole must not be cut.
    static constexpr uint64_t kMinDirectBytes = 64UL * 1024;
    static constexpr uint64_t kMaxGatherBytes = 256UL * 1024;

    PieceCutter() = default;
    PieceCutter(std::span<const HostSpan> buffer, uint64_t num_bytes,
                uint64_t max_piece_bytes = kMaxPieceBytes)
        : buffer_(buffer), num_left_(num_bytes), max_piece_bytes_(max_piece_bytes) {}

    [[nodiscard]] bool is_done() const { return has_cut_ && num_left_ == 0; }
    /// The piece that comes next. Not when is_done().
    [[nodiscard]] TransferPiece Peek() const;
    /// Goes beyond the piece that Peek returned.
    void Take(const TransferPiece &piece);

private:
    std::span<const HostSpan> buffer_;
    BufferPosition position_;
    uint64_t num_left_ = 0;
    uint64_t max_piece_bytes_ = kMaxPieceBytes;
    bool has_cut_ = false;
};

/// Copies `memory.size()` bytes that begin at `position` out of the buffer, or into it.
void CopyFromBuffer(std::span<const HostSpan> buffer, BufferPosition position,
                    std::span<std::byte> memory);
void CopyToBuffer(std::span<const HostSpan> buffer, BufferPosition position,
                  std::span<const std::byte> memory);

}  // namespace opendext::backends
