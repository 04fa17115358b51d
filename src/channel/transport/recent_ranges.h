// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include "channel/memory/app_memory.h"

namespace opendext::channel {

/// Which ranges an application has passed of late that could not be shared as they are, to tell a buffer that is
/// used again from one that is used once. Nothing but speed hangs on it. Bounded; any thread.
class RecentRanges {
public:
    using Clock = std::chrono::steady_clock;

    /// Copying fewer bytes costs less than asking the kernel whether they are shareable.
    static constexpr uint64_t kSmallestShared = uint64_t{32} << 10;
    /// Moving pages costs about 60 us at least: as many copies of a small range as make this many bytes.
    static constexpr uint64_t kCopiedBeforeMove = uint64_t{256} << 10;
    /// Longer ranges do not fit into a chunk that is kept warm, and a cold one costs as much as moving the pages.
    static constexpr uint64_t kLargestCopied = uint64_t{64} << 20;
    static constexpr std::chrono::seconds kRecently{10};
    static constexpr size_t kMaxRanges = 32;

    /// Notes a use of a range that is not shareable now. @return whether its pages are worth moving.
    /// The first use is not. Where moved pages did not last (the application unmaps its buffer after each
    /// call), the next move takes four times as many uses as the one before.
    [[nodiscard]] bool IsWorthSharing(const AppRange &range, Clock::time_point now = Clock::now());

private:
    struct Use {
        AppRange range;
        Clock::time_point last;
        uint64_t num_copies = 0;  ///< Since the last move.
        uint64_t num_needed = 0;  ///< Copies before the next move.
    };

    std::mutex mutex_;
    std::vector<Use> uses_;  // guarded by mutex_
};

}  // namespace opendext::channel
