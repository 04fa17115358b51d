// SPDX-License-Identifier: Apache-2.0
#include "backends/libusb/device_memory.h"

#include <vector>

#include <gtest/gtest.h>

#include "backends/libusb/mapped_blocks.h"

namespace opendext::backends {
namespace {

constexpr uint64_t kKiB = 1024;

class Source final : public DeviceMemorySource {
public:
    std::byte *MapMemory(size_t num_bytes) override {
        ++num_asked;
        return is_refused ? nullptr : mapped.Map(num_bytes);
    }
    void UnmapMemory(std::byte *memory, size_t /*num_bytes*/) override { mapped.Unmap(memory); }

    bool is_refused = false;
    int num_asked = 0;
    MappedBlocks mapped;
};

class DeviceMemoryTest : public testing::Test {
protected:
    Source source;
    DeviceMemory memory{source};
};

TEST_F(DeviceMemoryTest, BlockThatCameBack_IsUsedAgain) {
    const auto first = memory.Take(60 * kKiB);
    ASSERT_GE(first.size(), 60 * kKiB);
    memory.GiveBack(first);
    const auto second = memory.Take(50 * kKiB);
    EXPECT_EQ(second.data(), first.data());
    EXPECT_EQ(source.num_asked, 1);
    memory.GiveBack(second);
}

TEST_F(DeviceMemoryTest, SmallAndHugeTransfers_HaveNone) {
    EXPECT_TRUE(memory.Take(0).empty());
    EXPECT_TRUE(memory.Take(DeviceMemory::kFewestBytes - 1).empty());
    EXPECT_TRUE(memory.Take(DeviceMemory::kMostBytes + 1).empty());
    EXPECT_TRUE(memory.Take(UINT64_MAX).empty());
    EXPECT_EQ(source.num_asked, 0);
}

TEST_F(DeviceMemoryTest, MoreThanItsShare_IsNotTaken) {
    std::vector<std::span<std::byte>> blocks;
    for (uint64_t held = 0; held < DeviceMemory::kMostHeld; held += DeviceMemory::kMostBytes) {
        blocks.push_back(memory.Take(DeviceMemory::kMostBytes));
        EXPECT_FALSE(blocks.back().empty());
    }
    EXPECT_TRUE(memory.Take(DeviceMemory::kFewestBytes).empty());
    for (const auto block : blocks) {
        memory.GiveBack(block);
    }
    EXPECT_TRUE(memory.Take(DeviceMemory::kFewestBytes).empty()) << "those may be wanted again";
    EXPECT_EQ(source.mapped.size(), blocks.size());
}

TEST_F(DeviceMemoryTest, UnusedBlocks_AreUnmappedAfterAWhile) {
    const auto used = memory.Take(64 * kKiB);
    memory.GiveBack(memory.Take(128 * kKiB));
    const auto now = DeviceMemory::Clock::now();
    EXPECT_TRUE(memory.TrimUnused(now));
    EXPECT_EQ(source.mapped.size(), 2U);
    EXPECT_FALSE(memory.TrimUnused(now + DeviceMemory::kKept));
    EXPECT_EQ(source.mapped.size(), 1U) << "the other one is in use";
    memory.GiveBack(used);
}

TEST_F(DeviceMemoryTest, RefusedMemory_IsAskedForAgainLater) {
    source.is_refused = true;
    EXPECT_TRUE(memory.Take(64 * kKiB).empty());
    EXPECT_TRUE(memory.Take(64 * kKiB).empty());
    EXPECT_EQ(source.num_asked, 1);
    source.is_refused = false;
    int num_without = 1;
    auto block = memory.Take(64 * kKiB);
    while (block.empty()) {
        ++num_without;
        ASSERT_LT(num_without, 10'000);
        block = memory.Take(64 * kKiB);
    }
    EXPECT_EQ(source.num_asked, 2);
    memory.GiveBack(block);
}

TEST_F(DeviceMemoryTest, MadeRoom_UnmapsWhatIsNotInUse) {
    const auto used = memory.Take(64 * kKiB);
    memory.GiveBack(memory.Take(128 * kKiB));
    EXPECT_TRUE(memory.MakeRoom());
    EXPECT_EQ(source.mapped.size(), 1U);
    EXPECT_FALSE(memory.MakeRoom());
    EXPECT_TRUE(memory.Take(128 * kKiB).empty()) << "not at once";
    memory.GiveBack(used);
}

TEST(DeviceMemory, End_UnmapsEverything) {
    Source source;
    {
        DeviceMemory memory(source);
        memory.GiveBack(memory.Take(64 * kKiB));
    }
    EXPECT_TRUE(source.mapped.empty());
}

}  // namespace
}  // namespace opendext::backends
