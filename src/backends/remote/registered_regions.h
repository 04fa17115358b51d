// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "backends/remote/session_socket.h"
#include "backends/remote/session_wire.h"
#include "base/shared_region.h"

namespace opendext::backends::remote {

/// The regions of this process that the server of one session knows, and their names there. A region is sent at its
/// first use, and dropped when it is gone here or when others are used more, never while it is used. There is no answer:
/// who uses a name submits after Begin, and the server looks at its socket when it meets a name that is new to it.
/// Held by shared_ptr, which regions refer to. Any thread.
class RegisteredRegions final : public RegionEndListener,
                                public std::enable_shared_from_this<RegisteredRegions> {
    struct Known {
        uint64_t id = 0;
        uint64_t num_bytes = 0;
        uint64_t num_uses = 0;
        uint64_t last_use = 0;
    };

public:
    /// A name that is valid from Begin to End.
    struct Use {
        const SharedRegion *region = nullptr;
        uint64_t region_id = 0;  ///< 0: there is none.
    };

    [[nodiscard]] static std::shared_ptr<RegisteredRegions> Create(
        std::shared_ptr<const SessionSocket> socket);

    /// Waits for a server that is behind with what was sent when it does not know the region, not for long. No name when
    /// it has as many regions as it takes, all in use, or does not receive; then `region` has to be copied. `region`
    /// stays until End.
    [[nodiscard]] Use Begin(SharedRegion &region);
    void End(const Use &use);

    [[nodiscard]] size_t size();

    void OnRegionEnd(const SharedRegion *region) override;

private:
    using Table = std::unordered_map<const SharedRegion *, Known>;

    explicit RegisteredRegions(std::shared_ptr<const SessionSocket> socket)
        : socket_(std::move(socket)) {}

    using Lock = std::unique_lock<std::mutex>;

    // With `lock` of mutex_ held, which is given up while the server is waited for, and sending_ held.
    [[nodiscard]] uint64_t Send(Lock &lock, SharedRegion &region);
    [[nodiscard]] bool MakeRoom(Lock &lock, uint64_t num_bytes);
    [[nodiscard]] bool SendDrops(Lock &lock);

    /// A use of a region that the server knows; no name when it does not.
    [[nodiscard]] Use UseLocked(SharedRegion &region);
    void TellOfDropsLocked();
    [[nodiscard]] static SessionMessage DropOf(const Known &known);

    std::shared_ptr<const SessionSocket> socket_;
    /// Held while a region is sent, which may take a while. Taken before mutex_, and by nobody who only uses or ends.
    std::mutex sending_;
    uint64_t last_id_ = 0;  // guarded by sending_
    std::mutex mutex_;
    Table table_;                   // guarded by mutex_
    std::vector<Known> to_drop_;    // guarded by mutex_; the server has not been told yet
    uint64_t num_bytes_ = 0;        // guarded by mutex_; of both
    uint64_t num_uses_so_far_ = 0;  // guarded by mutex_
};

}  // namespace opendext::backends::remote
