// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "channel/memory/paired_copier.h"
#include "channel/memory/safe_copy.h"
#include "channel/transport/learnt_choice.h"

namespace opendext::channel {

/// Which way an application's bytes are copied.
enum class Passage : uint8_t {
    kThere,         ///< To the driver.
    kThereAndBack,  ///< Of an output, as the driver may leave parts of it alone.
};

/// How to store the next copy into a chunk of memory that a driver looks at: into this processor's cache, or past it. What
/// the driver has read lies in its processor's cache, and every line must be taken from there before it is written
/// again; then streaming is two to ten times quicker for both sides, as it is for more than a cache holds. Where the driver
/// reads little, the cache is. What the last copies took tells the two apart. One thread at a time.
class StoreChoice : public LearntChoice<Stores, Stores::kCached, Stores::kStreamed> {
public:
    /// Fewer bytes are not worth two looks at the clock: they go into the cache.
    static constexpr uint64_t kFewestTimed = uint64_t{16} << 10;
    /// More are cached or streamed by their number alone: for them it is learnt who copies (ClientArena::Chunk::crews), and
    /// of two choices at a time neither would learn what it has brought about.
    static constexpr uint64_t kMostTimed = PairedCopier::kFewestBytes - 1;
    /// More are streamed. What is to come back is read out of the cache then, if it is still there.
    static constexpr uint64_t kMostCachedThere = kMostTimed;
    static constexpr uint64_t kMostCachedThereAndBack = uint64_t{32} << 20;

    [[nodiscard]] static bool IsTimed(uint64_t num_bytes) {
        return num_bytes >= kFewestTimed && num_bytes <= kMostTimed;
    }
    [[nodiscard]] static Stores Untimed(uint64_t num_bytes, Passage passage) {
        return num_bytes > MostCached(passage) ? Stores::kStreamed : Stores::kCached;
    }

private:
    static uint64_t MostCached(Passage passage) {
        return passage == Passage::kThere ? kMostCachedThere : kMostCachedThereAndBack;
    }
};

}  // namespace opendext::channel
