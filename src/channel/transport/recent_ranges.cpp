// SPDX-License-Identifier: Apache-2.0
#include "channel/transport/recent_ranges.h"

#include <algorithm>

namespace opendext::channel {

namespace {

constexpr uint64_t kMostNeeded = 64;

}  // namespace

bool RecentRanges::IsWorthSharing(const AppRange &range, Clock::time_point now) {
    if (range.length < kSmallestShared || range.length > kLargestCopied) {
        return range.length > kLargestCopied;
    }
    const std::lock_guard lock(mutex_);
    const auto found = std::ranges::find_if(uses_, [&](const Use &use) {
        return use.range.address == range.address && use.range.length == range.length;
    });
    if (found == uses_.end() || now - found->last > kRecently) {
        const Use use{.range = range,
                      .last = now,
                      .num_copies = 1,
                      .num_needed = std::max<uint64_t>(1, kCopiedBeforeMove / range.length)};
        if (found != uses_.end()) {
            *found = use;
        } else if (uses_.size() < kMaxRanges) {
            uses_.push_back(use);
        } else {
            *std::ranges::min_element(uses_, {}, &Use::last) = use;
        }
        return false;
    }
    found->last = now;
    if (found->num_copies < found->num_needed) {
        ++found->num_copies;
        return false;
    }
    found->num_copies = 0;
    found->num_needed = std::min(found->num_needed * 4, kMostNeeded);
    return true;
}

}  // namespace opendext::channel
