// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>

#include "channel/memory/safe_copy.h"

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
class StoreChoice {
public:
    /// Fewer bytes are not worth two looks at the clock: they go into the cache.
    static constexpr uint64_t kFewestTimed = uint64_t{16} << 10;
    /// More are streamed. What is to come back is read out of the cache then, if it is still there.
    static constexpr uint64_t kMostCachedThere = uint64_t{2} << 20;
    static constexpr uint64_t kMostCachedThereAndBack = uint64_t{32} << 20;

    [[nodiscard]] static bool IsTimed(uint64_t num_bytes, Passage passage) {
        return num_bytes >= kFewestTimed && num_bytes <= MostCached(passage);
    }
    [[nodiscard]] static Stores Untimed(uint64_t num_bytes, Passage passage) {
        return num_bytes > MostCached(passage) ? Stores::kStreamed : Stores::kCached;
    }

    /// Of a copy that is going to be timed.
    [[nodiscard]] Stores Next() {
        const bool is_cached = cached_pace_ <= streamed_pace_;
        const Stores next = is_cached != IsTrial(num_copies_) ? Stores::kCached : Stores::kStreamed;
        num_of_kind_ = num_copies_ == 0 || next != last_ ? 1 : num_of_kind_ + 1;
        last_ = next;
        ++num_copies_;
        return next;
    }

    /// What that copy took. One that failed need not be told of.
    void Took(uint64_t num_bytes, std::chrono::nanoseconds time) {
        // The first of its kind finds the lines where the other kind has left them.
        if (num_of_kind_ == 1) {
            return;
        }
        const double pace = static_cast<double>(time.count()) / static_cast<double>(num_bytes);
        double &known = last_ == Stores::kCached ? cached_pace_ : streamed_pace_;
        // One that was interrupted counts for little.
        known = IsTrial(num_copies_ - 1) || known == kUnknown
                    ? pace
                    : known + (std::min(pace, 2 * known) - known) / 4;
    }

private:
    /// Two of so many copies are stored the other way, the second one for what it takes.
    static constexpr uint32_t kCopiesPerTrial = 128;
    static constexpr uint32_t kTrial = 4;
    static constexpr double kUnknown = std::numeric_limits<double>::infinity();

    static uint64_t MostCached(Passage passage) {
        return passage == Passage::kThere ? kMostCachedThere : kMostCachedThereAndBack;
    }
    static bool IsTrial(uint32_t copy) { return copy % kCopiesPerTrial / 2 * 2 == kTrial; }

    // In nanoseconds per byte.
    double cached_pace_ = kUnknown;
    double streamed_pace_ = kUnknown;
    uint32_t num_copies_ = 0;
    Stores last_ = Stores::kCached;
    uint32_t num_of_kind_ = 0;  // in a row
};

}  // namespace opendext::channel
