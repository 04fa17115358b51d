// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "base/shared_region.h"
#include "channel/transport/lending_peer.h"

namespace opendext::channel {

/// The regions of the application's memory that one peer knows, and their names there. A region is registered at
/// its first use and forgotten when it is gone here, or when others are used more; never while it is used.
/// Any thread.
class KnownRegions {
    struct Known {
        std::weak_ptr<SharedRegion> region;
        uint64_t id = 0;
        uint64_t num_uses = 0;
        uint64_t last_use = 0;
        bool is_gone = false;
    };

public:
    /// Each costs a descriptor in the driver process.
    static constexpr size_t kMaxRegions = 256;

    /// Keeps a region's name valid. Empty: the peer did not take the region.
    class Use {
    public:
        Use() = default;
        Use(Use &&other) noexcept
            : owner_(std::exchange(other.owner_, nullptr)), known_(other.known_) {}
        Use &operator=(Use &&other) noexcept {
            std::swap(owner_, other.owner_);
            std::swap(known_, other.known_);
            return *this;
        }
        ~Use();

        [[nodiscard]] bool is_valid() const { return owner_ != nullptr; }
        [[nodiscard]] uint64_t region_id() const { return is_valid() ? known_->id : 0; }

    private:
        friend class KnownRegions;
        Use(KnownRegions *owner, Known *known) : owner_(owner), known_(known) {}
        KnownRegions *owner_ = nullptr;
        Known *known_ = nullptr;
    };

    /// `peer` outlives this.
    explicit KnownRegions(LendingPeer &peer) : peer_(peer) {}

    /// May wait for the peer. End the use after the last slice of the region that it is for.
    [[nodiscard]] Use Begin(const std::shared_ptr<SharedRegion> &region);

    /// Takes over the name of a region that was registered otherwise.
    void Add(const std::shared_ptr<SharedRegion> &region, uint64_t region_id);

    /// The application does not have the region any more.
    void Forget(const SharedRegion &region);

    [[nodiscard]] size_t size();

private:
    using Table = std::unordered_map<const SharedRegion *, std::unique_ptr<Known>>;

    void End(Known *known);
    [[nodiscard]] Known *FindLocked(const std::shared_ptr<SharedRegion> &region);
    [[nodiscard]] Known *AddLocked(const std::shared_ptr<SharedRegion> &region, uint64_t region_id);
    void EraseLocked(Table::iterator entry);
    void MakeRoomLocked();

    LendingPeer &peer_;
    std::mutex registering_;  // held while the peer is asked, so that no region is registered twice
    std::mutex mutex_;
    Table table_;            // guarded by mutex_
    uint64_t num_uses_ = 0;  // guarded by mutex_
};

}  // namespace opendext::channel
