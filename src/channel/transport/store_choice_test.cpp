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
    EXPECT_LE(Copy(choice, 640, nanoseconds(1'200), nanoseconds(2'000)), 10);
}

TEST(StoreChoiceTest, DriverThatReadsAll_IsStreamedTo) {
    StoreChoice choice;
    EXPECT_GE(Copy(choice, 640, nanoseconds(9'000), nanoseconds(2'500)), 620);
}

TEST(StoreChoiceTest, SlowFirstCopy_SaysNothing) {
    StoreChoice choice;
    EXPECT_EQ(choice.Next(), Stores::kCached);
    choice.Took(kNumBytes, nanoseconds(100'000));
    EXPECT_LE(Copy(choice, 63, nanoseconds(1'200), nanoseconds(2'000)), 2);
}

TEST(StoreChoiceTest, DriverThatChangesItsMind_IsFollowed) {
    StoreChoice choice;
    (void)Copy(choice, 100, nanoseconds(1'200), nanoseconds(2'000));
    EXPECT_GE(Copy(choice, 200, nanoseconds(9'000), nanoseconds(2'000)), 180);
    EXPECT_LE(Copy(choice, 640, nanoseconds(1'200), nanoseconds(2'000)), 320);
}

}  // namespace
}  // namespace opendext::channel
