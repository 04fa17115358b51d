// SPDX-License-Identifier: Apache-2.0
#include "models/litepcie/descriptor_table.h"

#include <gtest/gtest.h>

namespace opendext::models::litepcie {
namespace {

constexpr uint32_t Status(uint32_t count, uint32_t index) {
    return count << 16 | index;
}

DescriptorTable TableOf(uint32_t num_descriptors) {
    DescriptorTable table;
    for (uint32_t i = 0; i < num_descriptors; ++i) {
        table.Push({.host_address = i, .num_bytes = 4});
    }
    return table;
}

TEST(DescriptorTable, ProgMode_ExecutesEachOnce) {
    DescriptorTable table = TableOf(3);
    EXPECT_EQ(table.level(), 3U);
    for (uint32_t i = 0; i < 3; ++i) {
        EXPECT_EQ(table.Front().host_address, i);
        table.Consume(false);
        EXPECT_EQ(table.LoopStatus(), Status(0, i + 1));
    }
    EXPECT_TRUE(table.IsEmpty());
}

TEST(DescriptorTable, LoopMode_RefillsAndCountsLoops) {
    DescriptorTable table = TableOf(2);
    for (const uint32_t status :
         {Status(0, 0), Status(0, 1), Status(1, 0), Status(1, 1), Status(2, 0)}) {
        table.Consume(true);
        EXPECT_EQ(table.LoopStatus(), status);
        EXPECT_EQ(table.level(), 2U);
    }
    EXPECT_EQ(table.Front().host_address, 1U);
}

TEST(DescriptorTable, FullTable_LosesWhatComes) {
    DescriptorTable table = TableOf(kTableDepth + 1);
    EXPECT_EQ(table.level(), kTableDepth);
    for (uint32_t i = 0; i < kTableDepth; ++i) {
        table.Consume(false);
    }
    EXPECT_TRUE(table.IsEmpty());
}

TEST(DescriptorTable, LoopCount_WrapsAfter65536Loops) {
    DescriptorTable table = TableOf(1);
    for (uint32_t i = 0; i < 0x10000; ++i) {
        table.Consume(true);
    }
    EXPECT_EQ(table.LoopStatus(), Status(0xFFFF, 0));
    table.Consume(true);
    EXPECT_EQ(table.LoopStatus(), Status(0, 0));
}

TEST(DescriptorTable, Reset_EmptiesAndCountsAnew) {
    DescriptorTable table = TableOf(2);
    table.Consume(true);
    table.Consume(true);
    table.Reset();
    EXPECT_TRUE(table.IsEmpty());
    EXPECT_EQ(table.LoopStatus(), 0U);
    table.Push({.host_address = 7, .num_bytes = 4});
    table.Consume(true);
    EXPECT_EQ(table.LoopStatus(), Status(0, 0));
}

}  // namespace
}  // namespace opendext::models::litepcie
