// SPDX-License-Identifier: Apache-2.0
// A device in an application's memory: semantics.md 1.9, 2.9.
#include <sys/mman.h>
#include <algorithm>
#include <vector>

#include "tests/system/application_memory.h"
#include "tests/system/mapper_test.h"

namespace opendext::rig {

namespace {

using ClientMemoryDmaTest = MapperTest;

MapperStep ToCard(uint32_t slot, uint64_t card_address) {
    return step::Of(kMapperToCard, slot, card_address);
}
MapperStep FromCard(uint32_t slot, uint64_t card_address) {
    return step::Of(kMapperFromCard, slot, card_address);
}

// With or without kIOMemoryDisableCopyOnWrite: that is about mappings.
TEST_P(ClientMemoryDmaTest, Card_ReadsAndWritesTheApplicationsPages) {
    const AppBytes memory = MapPages(3 * 1024 * 1024);
    for (const size_t size : {size_t{1}, size_t{4097}, size_t{1024 * 1024 + 3}}) {
        for (const uint64_t more : {uint64_t{0}, uint64_t{kShared}}) {
            const auto from = memory.sub(11, size);
            const auto to = memory.sub(1024 * 1024 + 4096 + 5, size);
            FillWithNumbers(memory.all(), static_cast<uint8_t>(size + more));
            const std::vector<uint8_t> around = {*(to.data() - 1), to.data()[size]};
            const auto values =
                Succeed(Run({step::Segment(from), step::Describe(0, kOut | more), ToCard(0, 100),
                             step::Segment(to), step::Describe(1, kIn | more), FromCard(1, 100)}));
            EXPECT_EQ(values[2], 0U);
            EXPECT_EQ(values[5], 0U);
            EXPECT_TRUE(std::ranges::equal(from, to)) << size << " " << more;
            EXPECT_EQ(*(to.data() - 1), around[0]);
            EXPECT_EQ(to.data()[size], around[1]);
            Do({step::Forget(0), step::Forget(1)});
        }
    }
}

TEST_P(ClientMemoryDmaTest, EveryKindOfMemory_CanBeReadByTheCard) {
    const PrivateFolder folder;
    for (const KindOfMemory &kind : KindsOfMemory(folder)) {
        SCOPED_TRACE(kind.name);
        const AppBytes memory = kind.make(kKindBytes);
        if (kind.is_writable) {
            FillWithNumbers(memory.all(), 77);
        }
        const AppBytes back = MapPages(kKindBytes);
        const auto values =
            Succeed(Run({step::Segment(memory.all()), step::Describe(0, kOut), ToCard(0, 0),
                         step::Segment(back.all()), step::Describe(1, kIn), FromCard(1, 0)}));
        EXPECT_EQ(values[2] | values[5], 0U);
        EXPECT_TRUE(std::ranges::equal(memory.all(), back.all()));
        Do({step::Forget(0), step::Forget(1)});
    }
}

TEST_P(ClientMemoryDmaTest, EveryKindOfPrivateMemory_CanBeWrittenByTheCard) {
    const PrivateFolder folder;
    const AppBytes source = MapPages(kKindBytes);
    FillWithNumbers(source.all(), 13);
    Do({step::Segment(source.all()), step::Describe(0, kOut), ToCard(0, 0)});
    for (const KindOfMemory &kind : KindsOfMemory(folder)) {
        if (!kind.is_writable) {
            continue;
        }
        SCOPED_TRACE(kind.name);
        const AppBytes memory = kind.make(kKindBytes);
        EXPECT_EQ(Do({step::Segment(memory.sub(1, kKindBytes - 1)), step::Describe(1, kIn),
                      FromCard(1, 0)}),
                  0U);
        EXPECT_TRUE(
            std::ranges::equal(memory.sub(1, kKindBytes - 1), source.sub(0, kKindBytes - 1)));
    }
}

TEST_P(ClientMemoryDmaTest, SegmentsInPieces_AreOneTransfer) {
    const AppBytes memory = MapPages(40 * kPageBytes);
    FillWithNumbers(memory.all(), 4);
    std::vector<MapperStep> steps;
    std::vector<uint8_t> expected;
    for (size_t i = 0; i < 30; ++i) {
        const auto piece = memory.sub(i * kPageBytes + i * 3, 100 + i);
        steps.push_back(step::Segment(piece));
        expected.insert(expected.end(), piece.begin(), piece.end());
    }
    const AppBytes back = MapPages(kPageBytes * 2);
    steps.insert(steps.end(), {step::Describe(0, kOut), ToCard(0, 64),
                               step::Segment(back.sub(9, expected.size())), step::Describe(1, kIn),
                               FromCard(1, 64)});
    const auto values = Succeed(Run(steps));
    EXPECT_EQ(values[31] | values.back(), 0U);
    EXPECT_TRUE(std::ranges::equal(back.sub(9, expected.size()), expected));
}

TEST_P(ClientMemoryDmaTest, MappingWithCopyOnWrite_DoesNotSeeWhatTheCardWrites) {
    const AppBytes memory = MapPages(8 * kPageBytes);
    const AppBytes source = MapPages(8 * kPageBytes);
    std::ranges::fill(source.all(), 1);
    std::ranges::fill(memory.all(), 2);
    Do({step::Segment(source.all()), step::Describe(0, kOut), ToCard(0, 0)});
    Do({step::Segment(memory.all()), step::Describe(1, kIn), step::Map(1),
        step::Sum(1, 0, 8 * kPageBytes)});
    EXPECT_EQ(Do({FromCard(1, 0)}), 0U);
    EXPECT_EQ(SumOf(memory.all()), 8 * kPageBytes);
    EXPECT_EQ(Do({step::Sum(1, 0, 8 * kPageBytes)}), 16 * kPageBytes);
}

TEST_P(ClientMemoryDmaTest, PerformOperation_ReachesTheApplicationsPages) {
    const AppBytes memory = MapPages(2 * kPageBytes);
    Do({step::Segment(memory.sub(100, kPageBytes)), step::Describe(0, kInOut),
        step::Of(kMapperPrepare, 0), step::Of(kMapperDmaFill, 0, 10, 20, 6)});
    EXPECT_EQ(memory.all()[109], 0);
    EXPECT_EQ(memory.all()[110], 6);
    EXPECT_EQ(SumOf(memory.all()), 20 * 6U);
    Do({step::Of(kMapperComplete, 0)});
}

TEST_P(ClientMemoryDmaTest, PreparedMemory_StaysPreparedAfterTheCall) {
    const AppBytes memory = MapPages(2 * kPageBytes);
    Do({step::Segment(memory.all()), step::Describe(0, kInOut), step::Of(kMapperPrepare, 0),
        step::Of(kMapperForgetDescriptor, 0)});
    std::ranges::fill(memory.all(), 1);
    Do({step::Of(kMapperDmaFill, 0, kPageBytes, kPageBytes, 3)});
    EXPECT_EQ(SumOf(memory.all()), 4 * kPageBytes);
    EXPECT_EQ(Do({step::Of(kMapperCensus, 0, 3)}), 2U);  // with the card's list
    Do({step::Of(kMapperComplete, 0)});
    EXPECT_EQ(Do({step::Of(kMapperCensus, 0, 3)}), 1U);
}

// semantics.md 2.4, 2.9: the way a driver gets buffers from an application that knows nothing of segments.
TEST_P(ClientMemoryDmaTest, StructureThatStaysPrepared_IsTheApplicationsMemory) {
    const AppBytes back = MapPages(1024 * 1024 + 8 * kPageBytes);
    for (const size_t size : {size_t{4097}, size_t{100'003}, size_t{1024 * 1024}}) {
        const AppBytes memory = MapPages(size + 2 * kPageBytes);
        const auto bytes = memory.sub(40, size);
        for (uint8_t seed = 1; seed < 4; ++seed) {
            const uint64_t slot = 5;
            ASSERT_EQ(IOConnectCallMethod(connect(), kMapperKeepPrepared, &slot, 1, bytes.data(),
                                          size, nullptr, nullptr, nullptr, nullptr),
                      kIOReturnSuccess);
            FillWithNumbers(bytes, seed);
            const auto values = Succeed(
                Run({step::Of(kMapperPreparedToCard, 5, 300), step::Segment(back.sub(7, size)),
                     step::Describe(1, kIn), FromCard(1, 300)}));
            EXPECT_EQ(values[0] | values[3], 0U);
            EXPECT_TRUE(std::ranges::equal(bytes, back.sub(7, size))) << size;
        }
        Do({step::Forget(5), step::Forget(1)});
    }
}

// As StructureThatStaysPrepared_IsTheApplicationsMemory; and what is shared with other processes stays so.
TEST_P(ClientMemoryDmaTest, StructureOfASharedFile_IsTheFile) {
    const PrivateFolder folder;
    const auto kinds = KindsOfMemory(folder);
    const auto file = std::ranges::find(kinds, "shared file", &KindOfMemory::name);
    ASSERT_NE(file, kinds.end());
    const AppBytes memory = file->make(kKindBytes);
    const AppBytes elsewhere = file->make(kKindBytes);
    const AppBytes back = MapPages(kKindBytes);
    const auto keep = [&](uint64_t slot) {
        return IOConnectCallMethod(connect(), kMapperKeepPrepared, &slot, 1, memory.all().data(),
                                   kKindBytes, nullptr, nullptr, nullptr, nullptr);
    };
    FillWithNumbers(memory.all(), 1);
    ASSERT_EQ(keep(5), kIOReturnSuccess);
    // A mapping shows what was passed, as of any other memory.
    const uint64_t sum = SumOf(memory.all());
    Do({step::Map(5)});
    FillWithNumbers(elsewhere.all(), 2);
    EXPECT_EQ(Do({step::Sum(5, 0, kKindBytes)}), sum);
    const auto values =
        Succeed(Run({step::Of(kMapperPreparedToCard, 5, 0), step::Segment(back.all()),
                     step::Describe(1, kIn), FromCard(1, 0)}));
    EXPECT_EQ(values[0] | values[3], 0U);
    EXPECT_TRUE(std::ranges::equal(elsewhere.all(), back.all()));
    EXPECT_TRUE(std::ranges::equal(memory.all(), elsewhere.all()));
    Do({step::Forget(5), step::Forget(1)});
}

OPENDEXT_BOTH_VARIANTS(ClientMemoryDmaTest);

}  // namespace

}  // namespace opendext::rig
