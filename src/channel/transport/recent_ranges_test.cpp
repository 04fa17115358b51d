// SPDX-License-Identifier: Apache-2.0
#include "channel/transport/recent_ranges.h"

#include <gtest/gtest.h>

namespace opendext::channel {
namespace {

constexpr uint64_t kBase = 0x7000'0000'0000;
constexpr uint64_t kMiB = 1 << 20;

/// Uses of a range until it is worth sharing, that one too; 1000 when it never is.
int UsesUntilShared(RecentRanges &recent, const AppRange &range,
                    RecentRanges::Clock::time_point now) {
    for (int i = 1; i < 1000; ++i) {
        if (recent.IsWorthSharing(range, now)) {
            return i;
        }
    }
    return 1000;
}

const RecentRanges::Clock::time_point kNow = RecentRanges::Clock::now();

TEST(RecentRanges, FirstUse_IsCopiedAndTheSecondOfALargeRangeIsNot) {
    RecentRanges recent;
    EXPECT_FALSE(recent.IsWorthSharing({kBase, kMiB}, kNow));
    EXPECT_TRUE(recent.IsWorthSharing({kBase, kMiB}, kNow));
}

TEST(RecentRanges, SmallRange_IsCopiedAsOftenAsAMoveCosts) {
    RecentRanges recent;
    const uint64_t length = RecentRanges::kSmallestShared;
    EXPECT_EQ(UsesUntilShared(recent, {kBase, length}, kNow),
              static_cast<int>(RecentRanges::kCopiedBeforeMove / length) + 1);
    EXPECT_EQ(UsesUntilShared(recent, {kBase, length - 1}, kNow), 1000);
}

TEST(RecentRanges, RangeThatIsTooLargeForAWarmChunk_IsSharedAtOnce) {
    RecentRanges recent;
    EXPECT_TRUE(recent.IsWorthSharing({kBase, RecentRanges::kLargestCopied + 1}, kNow));
    EXPECT_FALSE(recent.IsWorthSharing({kBase, RecentRanges::kLargestCopied}, kNow));
}

TEST(RecentRanges, AnotherRangeOrALaterTime_IsAFirstUse) {
    RecentRanges recent;
    EXPECT_FALSE(recent.IsWorthSharing({kBase, kMiB}, kNow));
    EXPECT_FALSE(recent.IsWorthSharing({kBase + 1, kMiB}, kNow));
    EXPECT_FALSE(recent.IsWorthSharing({kBase, kMiB + 1}, kNow));
    const auto later = kNow + RecentRanges::kRecently + std::chrono::milliseconds(1);
    EXPECT_FALSE(recent.IsWorthSharing({kBase, kMiB}, later));
    EXPECT_TRUE(recent.IsWorthSharing({kBase, kMiB}, later));
}

// A buffer that is mapped anew for each call is passed at the same address again and again.
TEST(RecentRanges, PagesThatDidNotLast_AreMovedLessAndLess) {
    RecentRanges recent;
    int before = 0;
    for (int i = 0; i < 4; ++i) {
        const int uses = UsesUntilShared(recent, {kBase, kMiB}, kNow);
        EXPECT_GT(uses, before);
        before = uses;
    }
    // But never for good.
    for (int i = 0; i < 10; ++i) {
        EXPECT_LT(UsesUntilShared(recent, {kBase, kMiB}, kNow), 100);
    }
}

TEST(RecentRanges, MoreRangesThanItRemembers_ForgetTheOldest) {
    RecentRanges recent;
    auto now = kNow;
    for (uint64_t i = 0; i <= RecentRanges::kMaxRanges; ++i) {
        EXPECT_FALSE(recent.IsWorthSharing({kBase + i * kMiB, kMiB}, now));
        now += std::chrono::milliseconds(1);
    }
    EXPECT_TRUE(recent.IsWorthSharing({kBase + kMiB, kMiB}, now));
    EXPECT_FALSE(recent.IsWorthSharing({kBase, kMiB}, now));
}

}  // namespace
}  // namespace opendext::channel
