// SPDX-License-Identifier: Apache-2.0
#include "base/giving_way.h"

#include <gtest/gtest.h>

namespace opendext {
namespace {

constexpr std::chrono::nanoseconds kShort{1'000};
constexpr std::chrono::nanoseconds kLong = GivingWay::kLongest;

uint32_t NumSkipped(GivingWay &way) {
    uint32_t skipped = 0;
    while (!way.IsWorthwhile()) {
        ++skipped;
    }
    return skipped;
}

TEST(GivingWayTest, AsLongAsItIsShort_ItIsWorthwhile) {
    GivingWay way;
    for (int i = 0; i < 3; ++i) {
        EXPECT_TRUE(way.IsWorthwhile());
        way.Learn(kShort);
    }
}

TEST(GivingWayTest, OnceItTookLong_ItIsLeftForManyTimes) {
    GivingWay way;
    way.Learn(kLong);
    EXPECT_EQ(NumSkipped(way), GivingWay::kLeastSkipped);
    EXPECT_TRUE(way.IsWorthwhile());
}

TEST(GivingWayTest, WhereItTakesLongEachTime_ItIsTriedEverMoreRarely) {
    GivingWay way;
    uint32_t before = 0;
    for (int i = 0; i < 10; ++i) {
        way.Learn(kLong);
        const uint32_t skipped = NumSkipped(way);
        EXPECT_TRUE(skipped > before || skipped == GivingWay::kMostSkipped);
        before = skipped;
    }
    EXPECT_EQ(before, GivingWay::kMostSkipped);
    for (int i = 0; i < 10; ++i) {
        way.Learn(kShort);
    }
    way.Learn(kLong);
    EXPECT_EQ(NumSkipped(way), GivingWay::kLeastSkipped);
}

TEST(GivingWayTest, WithNobodyElse_ItReturns) {
    GivingWay way;
    way.GiveWay();
}

}  // namespace
}  // namespace opendext
