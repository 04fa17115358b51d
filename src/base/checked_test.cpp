// SPDX-License-Identifier: Apache-2.0
#include "base/checked.h"

#include <cstdint>
#include <limits>

#include <gtest/gtest.h>

namespace opendext {
namespace {

constexpr uint64_t kMax64 = std::numeric_limits<uint64_t>::max();

TEST(CheckedAddTest, SumThatFits_IsReturned) {
    EXPECT_EQ(CheckedAdd(uint64_t{1}, 2), 3u);
    EXPECT_EQ(CheckedAdd(kMax64 - 1, 1), kMax64);
}

TEST(CheckedAddTest, SumThatWraps_IsNothing) {
    EXPECT_EQ(CheckedAdd(kMax64, 1), std::nullopt);
    EXPECT_EQ(CheckedAdd(uint8_t{200}, 56), std::nullopt);
}

TEST(CheckedSubtractTest, SmallerMinusLarger_IsNothing) {
    EXPECT_EQ(CheckedSubtract(uint32_t{5}, 5), 0u);
    EXPECT_EQ(CheckedSubtract(uint32_t{5}, 6), std::nullopt);
}

TEST(CheckedMultiplyTest, ProductThatWraps_IsNothing) {
    EXPECT_EQ(CheckedMultiply(uint32_t{65536}, 65535), 4294901760u);
    EXPECT_EQ(CheckedMultiply(uint32_t{65536}, 65536), std::nullopt);
    EXPECT_EQ(CheckedMultiply(kMax64, 0), 0u);
}

TEST(CheckedCastTest, ValueOutOfRange_IsNothing) {
    EXPECT_EQ(CheckedCast<uint8_t>(255), 255);
    EXPECT_EQ(CheckedCast<uint8_t>(256), std::nullopt);
    EXPECT_EQ(CheckedCast<uint64_t>(-1), std::nullopt);
    EXPECT_EQ(CheckedCast<int64_t>(kMax64), std::nullopt);
}

TEST(CheckedAlignUpTest, ValueNearTheTop_IsNothing) {
    EXPECT_EQ(CheckedAlignUp(uint64_t{0}, 4096), 0u);
    EXPECT_EQ(CheckedAlignUp(uint64_t{1}, 4096), 4096u);
    EXPECT_EQ(CheckedAlignUp(uint64_t{4096}, 4096), 4096u);
    EXPECT_EQ(CheckedAlignUp(kMax64 - 4094, 4096), std::nullopt);
}

TEST(RangeIsWithinTest, RangeAtTheLimit_IsWithin) {
    EXPECT_TRUE(RangeIsWithin(uint64_t{0}, 10, 10));
    EXPECT_TRUE(RangeIsWithin(uint64_t{10}, 0, 10));
    EXPECT_FALSE(RangeIsWithin(uint64_t{10}, 1, 10));
    EXPECT_FALSE(RangeIsWithin(uint64_t{11}, 0, 10));
}

TEST(RangeIsWithinTest, RangeWhoseEndWraps_IsNotWithin) {
    EXPECT_FALSE(RangeIsWithin(uint64_t{8}, kMax64 - 4, 16));
    EXPECT_FALSE(RangeIsWithin(kMax64, kMax64, 16));
}

}  // namespace
}  // namespace opendext
