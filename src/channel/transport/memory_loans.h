// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <vector>

#include "channel/transport/client_memory_lender.h"
#include "channel/wire/call.h"
#include "channel/wire/memory_question.h"

namespace opendext::channel {

/// Bytes of the application for its driver, as a ClientMemoryPiece and its form in a message. Without a region:
/// they cannot be had.
struct LentPiece {
    SharedSlice slice;
    uint64_t region_id = 0;  ///< 0 also without a peer.
};

/// What the application answers to a ClientMemoryRequest. With a result other than 0 there are no pieces.
struct LentMemory {
    int32_t result = 0;
    std::vector<LentPiece> pieces;

    [[nodiscard]] std::vector<WireSlice> wire_slices() const;
};

/// The memory that a driver asked for, on top of structures: during one call, or at once for good. One thread at a
/// time.
class MemoryLoans {
public:
    /// When a snapshot is taken for good: when the call ends in which it was asked for, as far as the driver still
    /// has it then, so that what it only reads for a moment need not be copied; or at once.
    enum class Snapshots { kUntilTheCallEnds, kForGood };

    MemoryLoans(ClientMemoryLender &lender, Snapshots snapshots)
        : lender_(lender), snapshots_(snapshots) {}
    ~MemoryLoans() { TakeBack(snapshots_ == Snapshots::kForGood); }
    MemoryLoans(const MemoryLoans &) = delete;
    MemoryLoans &operator=(const MemoryLoans &) = delete;

    /// The driver may write to the range during the call: a snapshot of it must be a copy.
    void AddWritten(const AppRange &range) { written_.push_back(range); }

    /// What `request` asks for. Its segments are valid (QuestionIsValid).
    /// @return result kIOReturnNoMemory when memory is short or there are too many pieces.
    [[nodiscard]] LentMemory Lend(const ClientMemoryRequest &request);

    /// The call is over. @param is_kept whether the driver still has a snapshot.
    void TakeBack(bool is_kept);

private:
    /// A snapshot that stands on the application's own pages so far.
    struct Snapshot {
        AppRange range;
        LentPages pages;
    };
    /// A segment that is to be copied, and where its piece is in the answer.
    struct ToCopy {
        AppRange range;
        size_t piece = 0;
    };

    [[nodiscard]] int32_t LendShared(const AppRange &range, MapAccess access, LentMemory &lent);
    [[nodiscard]] bool LendOwnPages(const AppRange &range, LentMemory &lent);
    [[nodiscard]] int32_t Copy(const std::vector<ToCopy> &to_copy, LentMemory &lent);
    void AddPages(LentPages pages, LentMemory &lent);

    ClientMemoryLender &lender_;
    const Snapshots snapshots_;
    std::vector<AppRange> written_;
    std::vector<Snapshot> own_pages_;
    std::vector<KnownRegions::Use>
        uses_;  // of what is shared for good, until the peer has got its name
    std::list<ChunkLoan> copies_;
};

}  // namespace opendext::channel
