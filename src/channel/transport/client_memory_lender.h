// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/once_per_key.h"
#include "channel/memory/app_memory.h"
#include "channel/transport/client_arena.h"
#include "channel/transport/known_regions.h"
#include "channel/transport/lending_peer.h"
#include "channel/transport/recent_ranges.h"
#include "channel/wire/memory_question.h"

namespace opendext::channel {

/// Pages of the application as its driver reaches them. Nothing is copied: both see what the other writes.
struct LentPages {
    KnownRegions::Use use;  // ended after the slice is gone
    SharedSlice slice;

    [[nodiscard]] WireSlice wire_slice() const {
        return {use.region_id(), slice.offset, slice.length};
    }
};

/// Brings an application's bytes to the driver of one connection: its pages themselves where they are shareable
/// or worth being made so, else a copy. Any thread.
class ClientMemoryLender final : private AppMemory::Listener {
public:
    /// `peer` outlives the lender; NULL when the driver is in this process.
    explicit ClientMemoryLender(LendingPeer *peer);
    ~ClientMemoryLender();
    ClientMemoryLender(const ClientMemoryLender &) = delete;
    ClientMemoryLender &operator=(const ClientMemoryLender &) = delete;

    /// The range if it is of a file of the application's own that it has mapped shared: for what is no snapshot.
    [[nodiscard]] std::optional<LentPages> FindFile(const AppRange &range, MapAccess access);

    /// The range in one piece, if it is shareable as it is, or was passed before and is worth being made so. An empty one
    /// and unreadable ones are not.
    /// @param pins kOneEach: AppMemory::Unpin is the caller's.
    [[nodiscard]] std::optional<LentPages> FindOrShare(const AppRange &range, MapAccess access,
                                                       AppMemory::Pins pins);

    /// Makes the range shareable, whatever it costs. @return its pieces in order, each pinned, for good.
    [[nodiscard]] std::expected<std::vector<LentPages>, ShareFailure> Share(const AppRange &range,
                                                                            MapAccess access);

    /// Puts `slice`, of a chunk that the driver kept, in the place of the range: an output's with what the slice holds,
    /// an input's with what the range does. @return whether it is there: then the chunk is the application's memory
    /// from now on.
    [[nodiscard]] bool Replace(const AppRange &range, const SharedSlice &slice,
                               const ClientArena::Chunk &chunk, AppMemory::Contents contents);

    /// Whether a driver has kept an input for a device, so that one of any size may be shareable as it is.
    [[nodiscard]] bool HasKeptInputs() const {
        return has_kept_inputs_.load(std::memory_order_relaxed);
    }

    /// The driver kept `pages`: the application gets others, so that its later writes do not reach them.
    void Leave(const AppRange &range, LentPages pages);

    /// Says once for each range that it cannot be shared, and why. @param wish who wanted what.
    void WarnNotShared(std::string_view wish, const AppRange &range, ShareFailure why);

    /// A call comes in a moment.
    void ExpectCall() {
        if (peer_ != nullptr) {
            peer_->ExpectCall();
        }
    }

    [[nodiscard]] ClientArena &arena() { return arena_; }
    [[nodiscard]] AppMemory &memory() { return memory_; }

    /// Gives back what was not used for a while, or everything that is idle.
    void TrimIdle() { arena_.TrimIdle(); }
    void TrimAll() { arena_.TrimAll(); }

private:
    void RegionGone(const SharedRegion &region) override;
    /// @return nullopt when the peer did not take the region.
    [[nodiscard]] std::optional<LentPages> MakeKnown(SharedSlice slice);
    /// As MakeKnown, of a slice that is pinned so: no longer when there are none.
    [[nodiscard]] std::optional<LentPages> MakeKnown(SharedSlice slice, AppMemory::Pins pins);

    LendingPeer *const peer_;
    AppMemory &memory_;
    ClientArena arena_;
    std::optional<KnownRegions> regions_;
    RecentRanges recent_;
    std::atomic<bool> has_kept_inputs_ = false;
    OncePerKey warned_;
};

}  // namespace opendext::channel
