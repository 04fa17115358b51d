// SPDX-License-Identifier: Apache-2.0
#include "channel/transport/store_choice.h"

#include <gtest/gtest.h>

namespace opendext::channel {
namespace {

using std::chrono::nanoseconds;

constexpr uint64_t kNumBytes = 64 << 10;

/// `count` copies that take so long. @return how many of them were streamed.
int Copy(StoreChoice &choice, int count, nanoseconds cached, nanoseconds streamed) {
    int num_streamed = 0;
    for (int i = 0; i < count; ++i) {
        const Stores stores = choice.Next();
        num_streamed += stores == Stores::kStreamed ? 1 : 0;
        choice.Took(kNumBytes, stores == Stores::kStreamed ? streamed : cached);
    }
    return num_streamed;
}

TEST(StoreChoiceTest, DriverThatReadsLittle_IsGivenWhatLiesInTheCache) {
    StoreChoice choice;
    EXPECT_LE(Copy(choice, 640, nanoseconds(1'200), nanoseconds(2'000)), 12);
}

TEST(StoreChoiceTest, DriverThatReadsAll_IsStreamedTo) {
    StoreChoice choice;
    EXPECT_GE(Copy(choice, 640, nanoseconds(9'000), nanoseconds(2'500)), 620);
}

TEST(StoreChoiceTest, SlowFirstCopy_SaysNothing) {
    StoreChoice choice;
    EXPECT_EQ(choice.Next(), Stores::kCached);
    choice.Took(kNumBytes, nanoseconds(100'000));
    EXPECT_LE(Copy(choice, 63, nanoseconds(1'200), nanoseconds(2'000)), 4);
}

TEST(StoreChoiceTest, WayThatWinsItsTrial_IsKeptAtOnce) {
    StoreChoice choice;
    EXPECT_EQ(Copy(choice, 4, nanoseconds(9'000), nanoseconds(2'000)), 0);
    EXPECT_EQ(Copy(choice, 100, nanoseconds(9'000), nanoseconds(2'000)), 100);
}

TEST(StoreChoiceTest, CacheThatTakesTwoCopiesToWarmUp_IsJudgedByTheNext) {
    StoreChoice choice;
    (void)Copy(choice, 200, nanoseconds(9'000), nanoseconds(2'000));
    int num_streamed = 0;
    int num_cached_in_a_row = 0;
    for (int i = 0; i < 640; ++i) {
        const bool is_streamed = choice.Next() == Stores::kStreamed;
        num_streamed += is_streamed ? 1 : 0;
        num_cached_in_a_row = is_streamed ? 0 : num_cached_in_a_row + 1;
        const bool is_cold = num_cached_in_a_row <= 2;
        choice.Took(kNumBytes, nanoseconds(is_streamed ? 2'000 : is_cold ? 9'000 : 1'000));
    }
    EXPECT_LE(num_streamed, 80);
}

TEST(StoreChoiceTest, DriverThatChangesItsMind_IsFollowed) {
    StoreChoice choice;
    (void)Copy(choice, 100, nanoseconds(1'200), nanoseconds(2'000));
    EXPECT_GE(Copy(choice, 200, nanoseconds(9'000), nanoseconds(2'000)), 180);
    EXPECT_LE(Copy(choice, 640, nanoseconds(1'200), nanoseconds(2'000)), 320);
}

}  // namespace
}  // namespace opendext::channel
