// SPDX-License-Identifier: Apache-2.0
// An application's memory in its driver, by address: semantics.md 2.9, unless a test names another section.
#include <sys/mman.h>
#include <algorithm>
#include <cstring>
#include <filesystem>
#include <vector>

#include "tests/system/application_memory.h"
#include "tests/system/mapper_test.h"

namespace opendext::rig {

namespace {

class ClientMemoryTest : public MapperTest {
protected:
    const PrivateFolder folder_;
};

TEST_P(ClientMemoryTest, EveryKindOfMemory_CanBeRead) {
    for (const KindOfMemory &kind : KindsOfMemory(folder_)) {
        SCOPED_TRACE(kind.name);
        const AppBytes memory = kind.make(kKindBytes);
        if (kind.is_writable) {
            FillWithNumbers(memory.all(), 3);
        }
        const auto bytes = memory.sub(123, kKindBytes - 1000);
        EXPECT_EQ(Do({step::Segment(bytes), step::Describe(0, kOut), step::Map(0),
                      step::Sum(0, 0, bytes.size())}),
                  SumOf(bytes));
        Do({step::Forget(0)});
    }
}

TEST_P(ClientMemoryTest, EveryKindOfMemory_CanBeShared) {
    for (const KindOfMemory &kind : KindsOfMemory(folder_)) {
        if (!kind.is_writable) {
            continue;
        }
        SCOPED_TRACE(kind.name);
        const AppBytes memory = kind.make(kKindBytes);
        FillWithNumbers(memory.all(), 9);
        const auto bytes = memory.sub(4000, 200000);
        const uint8_t before = memory.all()[3999];
        const auto values = Succeed(Run({step::Segment(bytes), step::Describe(0, kInOut | kShared),
                                         step::Map(0), step::Sum(0, 0, bytes.size())}));
        EXPECT_EQ(values[3], SumOf(bytes));
        Do({step::Fill(0, 5, 100000, 0xA5)});
        EXPECT_EQ(memory.all()[3999], before);
        EXPECT_TRUE(std::ranges::all_of(bytes.subspan(5, 100000),
                                        [](uint8_t byte) { return byte == 0xA5; }));
        std::ranges::fill(bytes.subspan(100000), 0x11);
        EXPECT_EQ(Do({step::Sum(0, 0, bytes.size())}), SumOf(bytes));
        Do({step::Forget(0)});
        EXPECT_EQ(bytes[6], 0xA5);
    }
}

TEST_P(ClientMemoryTest, FileThatIsCutShort_DoesNotEndTheDriver) {
    const auto kinds = KindsOfMemory(folder_);
    const auto file = std::ranges::find(kinds, "shared file", &KindOfMemory::name);
    ASSERT_NE(file, kinds.end());
    {
        const AppBytes memory = file->make(kKindBytes);
        FillWithNumbers(memory.all(), 9);
        const uint64_t num_left = 3 * kPageBytes;
        const uint64_t sum = SumOf(memory.sub(0, num_left));
        Do({step::Segment(memory.all()), step::Describe(0, kInOut | kShared), step::Map(0)});
        std::filesystem::resize_file(folder_.path() / "bytes", num_left);
        EXPECT_EQ(Do({step::Sum(0, 0, kKindBytes)}), sum);
        Do({step::Forget(0)});
    }
    // Said when the application has unmapped it and the driver has let go of it: here both are one process.
    if (GetParam() == RigVariant::kTwoProcess) {
        EXPECT_TRUE(log().WaitFor("was cut short"));
    }
}

// Either side's writes stay with it; the driver goes on seeing what was there.
TEST_P(ClientMemoryTest, WithoutDisableCopyOnWrite_WritesStayWithTheWriter) {
    for (const KindOfMemory &kind : KindsOfMemory(folder_)) {
        if (!kind.is_writable) {
            continue;
        }
        SCOPED_TRACE(kind.name);
        const AppBytes memory = kind.make(kKindBytes);
        FillWithNumbers(memory.all(), 21);
        const std::vector<uint8_t> original(memory.all().begin(), memory.all().end());
        Do({step::Segment(memory.all()), step::Describe(0, kInOut), step::Map(0),
            step::Fill(0, 10, 5000, 1)});
        EXPECT_TRUE(std::ranges::equal(memory.all(), original));
        std::ranges::fill(memory.all(), 2);
        const uint64_t unchanged =
            SumOf(original) - SumOf(std::span(original).subspan(10, 5000)) + 5000;
        EXPECT_EQ(Do({step::Sum(0, 0, kKindBytes)}), unchanged);
        Do({step::Fill(0, 0, kKindBytes, 7)});
        EXPECT_TRUE(std::ranges::all_of(memory.all(), [](uint8_t byte) { return byte == 2; }));
        Do({step::Forget(0)});
    }
}

TEST_P(ClientMemoryTest, AnySizeAtAnyAddress) {
    constexpr size_t kMost = 64 * 1024 * 1024;
    const AppBytes memory = MapPages(kMost + 2 * kPageBytes);
    FillWithNumbers(memory.all(), 5);
    for (const size_t size : {size_t{1}, size_t{2}, size_t{63}, size_t{4095}, size_t{4096},
                              size_t{4097}, size_t{65536}, size_t{1000003}, kMost}) {
        for (const size_t offset : {0, 1, 7, 4095, 4096}) {
            if (size == kMost && offset != 1 && offset != 0) {
                continue;
            }
            const auto bytes = memory.sub(offset, size);
            const uint64_t sum = SumOf(bytes);
            for (const uint64_t options : {kOut, kOut | kShared, kInOut, kInOut | kShared}) {
                const auto values = Succeed(
                    Run({step::Segment(bytes), step::Describe(0, options), step::Map(0),
                         step::Of(kMapperAddress, 0), step::Sum(0, 0, size), step::Forget(0)}));
                EXPECT_EQ(values[1], size);
                EXPECT_EQ(values[2], size);
                EXPECT_EQ(values[3] % kPageBytes, offset % kPageBytes);
                EXPECT_EQ(values[4], sum) << size << " at " << offset << " by " << options;
            }
        }
    }
}

TEST_P(ClientMemoryTest, ThirtyTwoSegments_AreOneRangeAfterAnother) {
    const AppBytes memory = MapPages(64 * kPageBytes);
    FillWithNumbers(memory.all(), 40);
    std::vector<MapperStep> steps;
    std::vector<uint8_t> expected;
    // Whole pages, so that they follow each other without a gap; backwards, so that they do not in memory.
    for (size_t i = 32; i-- != 0;) {
        const auto page = memory.sub(2 * i * kPageBytes, kPageBytes);
        steps.push_back(step::Segment(page));
        expected.insert(expected.end(), page.begin(), page.end());
    }
    steps.insert(steps.end(), {step::Describe(0, kInOut | kShared), step::Map(0)});
    for (size_t i = 0; i < 32; ++i) {
        steps.push_back(step::Sum(0, i * kPageBytes, kPageBytes));
    }
    const auto values = Succeed(Run(steps));
    EXPECT_EQ(values[32], 32 * kPageBytes);
    for (size_t i = 0; i < 32; ++i) {
        EXPECT_EQ(values[34 + i], SumOf(std::span(expected).subspan(i * kPageBytes, kPageBytes)));
    }
    Do({step::Fill(0, 31 * kPageBytes - 10, 20, 3)});
    EXPECT_EQ(memory.all()[3 * kPageBytes - 1], 3);
    EXPECT_EQ(memory.all()[9], 3);
}

TEST_P(ClientMemoryTest, OverlappingSegments_ShowTheSameBytesTwice) {
    const AppBytes memory = MapPages(4 * kPageBytes);
    Do({step::Segment(memory.sub(0, 2 * kPageBytes)),
        step::Segment(memory.sub(kPageBytes, 2 * kPageBytes)), step::Describe(0, kInOut | kShared),
        step::Map(0), step::Fill(0, kPageBytes, kPageBytes, 1)});
    EXPECT_EQ(SumOf(memory.all()), kPageBytes);
    EXPECT_EQ(Do({step::Sum(0, 0, 4 * kPageBytes)}), 2 * kPageBytes);
}

TEST_P(ClientMemoryTest, MoreThanThirtyTwoSegments_AreAnOverrun) {
    EXPECT_EQ(Run({step::Of(kMapperDescribeMany, 0, kInOut, 33)})[0].status, kIOReturnOverrun);
    EXPECT_EQ(Run({step::Of(kMapperDescribeMany, 0, kInOut, UINT32_MAX)})[0].status,
              kIOReturnOverrun);
}

TEST_P(ClientMemoryTest, RangesThatOverflow_AreNoMemoryAndNull) {
    const std::vector<std::vector<MapperStep>> cases = {
        {step::Segment(UINT64_MAX - 5, 10)},
        {step::Segment(4096, UINT64_MAX)},
        {step::Segment(0, 1ULL << 63)},
        {step::Segment(0, 1ULL << 63), step::Segment(0, 1ULL << 63)},
        {step::Segment(kPageBytes, 1ULL << 46), step::Segment(kPageBytes, 1ULL << 46)}};
    for (std::vector<MapperStep> steps : cases) {
        steps.push_back(step::Describe(0, kOut));
        const MapperResult result = Run(steps).back();
        EXPECT_EQ(result.status, kIOReturnNoMemory);
        EXPECT_EQ(result.value, 0U);
    }
}

TEST_P(ClientMemoryTest, EmptySegments_AreEmptyMemory) {
    const auto results = Run({step::Describe(0, kInOut), step::Map(0), step::Segment(77, 0),
                              step::Segment(0, 0), step::Describe(1, kInOut), step::Map(1)});
    EXPECT_EQ(results[0].status, kIOReturnSuccess);
    EXPECT_EQ(results[0].value, 0U);
    EXPECT_EQ(results[1].status, kIOReturnError);
    EXPECT_EQ(results[4].status, kIOReturnSuccess);
    EXPECT_EQ(results[5].status, kIOReturnError);
}

// What cannot be read or written: neither side falls over it, whatever the way.
TEST_P(ClientMemoryTest, MemoryThatIsNotThere_CanNeitherBeMappedNorPrepared) {
    const AppBytes pages = MapPages(4 * kPageBytes);
    ASSERT_EQ(mprotect(pages.all().data() + kPageBytes, kPageBytes, PROT_NONE), 0);
    // Not unmapped: what this process maps meanwhile would fill the hole.
    ASSERT_EQ(mprotect(pages.all().data() + 3 * kPageBytes, kPageBytes, PROT_NONE), 0);
    const auto base = reinterpret_cast<uint64_t>(pages.all().data());
    const std::vector<std::pair<uint64_t, uint64_t>> ranges = {
        {0, 1},
        {8, 100000},
        {base + kPageBytes, kPageBytes},      // nobody may touch it
        {base, 2 * kPageBytes},               // its second half is such
        {base + 2 * kPageBytes, 4097},        // its last byte is such
        {base + 3 * kPageBytes, kPageBytes},  // all of it is such
        {0x7fff'ffff'f000, kPageBytes},
        {0xffff'8000'0000'0000, 8},
    };
    for (const auto &[address, length] : ranges) {
        for (const uint64_t options : {kOut, kIn, kOut | kShared, kInOut | kShared}) {
            const auto results =
                Run({step::Segment(pages.sub(0, 8)), step::Segment(address, length),
                     step::Describe(0, options), step::Map(0), step::Of(kMapperPrepare, 0),
                     step::Of(kMapperToCard, 0, 0, 0, 4)});
            EXPECT_EQ(results[2].status, kIOReturnSuccess);
            EXPECT_EQ(results[3].status, kIOReturnError) << std::hex << address << " " << options;
            EXPECT_EQ(results[4].status, kIOReturnCannotWire) << std::hex << address;
            EXPECT_EQ(results[5].status, kIOReturnCannotWire) << std::hex << address;
        }
    }
    EXPECT_EQ(TryMap(pages.sub(0, 8), kInOut | kShared), kIOReturnSuccess);
}

TEST_P(ClientMemoryTest, ReadOnlyMemory_CanBeReadOnly) {
    const AppBytes page = MapPages(kPageBytes);
    FillWithNumbers(page.all(), 1);
    ASSERT_EQ(mprotect(page.all().data(), kPageBytes, PROT_READ), 0);
    for (const uint64_t options : {uint64_t{0}, kIn, kInOut, kIn | kShared, kInOut | kShared}) {
        EXPECT_EQ(TryMap(page.all(), options), kIOReturnError) << options;
    }
    for (const uint64_t options : {kOut, kOut | kShared}) {
        EXPECT_EQ(TryMap(page.all(), options), kIOReturnSuccess) << options;
        EXPECT_EQ(Do({step::Sum(0, 0, kPageBytes)}), SumOf(page.all()));
    }
    ASSERT_EQ(mprotect(page.all().data(), kPageBytes, PROT_READ | PROT_WRITE), 0);
    EXPECT_EQ(TryMap(page.all(), kInOut | kShared), kIOReturnSuccess);
    Do({step::Fill(0, 0, 1, 77)});
    EXPECT_EQ(page.all()[0], 77);
}

TEST_P(ClientMemoryTest, MemoryThatBecameReadOnly_IsNotWrittenThroughANewDescriptor) {
    const AppBytes pages = MapPages(2 * kPageBytes);
    EXPECT_EQ(TryMap(pages.all(), kInOut | kShared), kIOReturnSuccess);
    ASSERT_EQ(mprotect(pages.all().data(), kPageBytes, PROT_READ), 0);
    EXPECT_EQ(TryMap(pages.all(), kInOut | kShared), kIOReturnError);
    EXPECT_EQ(TryMap(pages.sub(kPageBytes, kPageBytes), kInOut | kShared), kIOReturnSuccess);
    EXPECT_EQ(TryMap(pages.all(), kOut | kShared), kIOReturnSuccess);
}

// semantics.md 1.3, 1.6: a mapping of direction Out cannot be written; a part of it as it is asked for.
TEST_P(ClientMemoryTest, PartOfIt_IsThatPart) {
    const AppBytes pages = MapPages(4 * kPageBytes);
    FillWithNumbers(pages.all(), 8);
    const auto values =
        Succeed(Run({step::Segment(pages.all()), step::Describe(0, kInOut | kShared),
                     step::Of(kMapperPart, 1, 0, kPageBytes, 100), step::Map(1),
                     step::Sum(1, 0, 100), step::Fill(1, 0, 1, 200),
                     step::Of(kMapperMap, 0, 0, kPageBytes, 100), step::Sum(0, 0, 1)}));
    EXPECT_EQ(values[2], 100U);
    EXPECT_EQ(values[7], 200U);
    EXPECT_EQ(pages.all()[kPageBytes], 200);
}

TEST_P(ClientMemoryTest, DescribedInOneCall_IsWhatIsThereWhenItIsMappedInTheNext) {
    const AppBytes pages = MapPages(2 * kPageBytes);
    for (const uint64_t options : {kOut, kOut | kShared}) {
        std::ranges::fill(pages.all(), 1);
        Do({step::Segment(pages.all()), step::Describe(0, options)});
        std::ranges::fill(pages.all(), 2);
        EXPECT_EQ(Do({step::Map(0), step::Sum(0, 0, 2 * kPageBytes)}), 4 * kPageBytes);
        Do({step::Forget(0)});
    }
}

TEST_P(ClientMemoryTest, KeptMapping_OutlivesItsDescriptorAndTheApplicationsOwn) {
    for (const uint64_t options : {kInOut, kInOut | kShared}) {
        {
            const AppBytes pages = MapPages(16 * kPageBytes);
            std::ranges::fill(pages.all(), 1);
            Do({step::Segment(pages.all()), step::Describe(0, options), step::Map(0),
                step::Of(kMapperForgetDescriptor, 0)});
        }
        // New memory, most likely at the same address.
        const AppBytes other = MapPages(16 * kPageBytes);
        EXPECT_EQ(Do({step::Sum(0, 0, 16 * kPageBytes)}), 16 * kPageBytes);
        Do({step::Fill(0, 0, 16 * kPageBytes, 9)});
        EXPECT_EQ(SumOf(other.all()), 0U);
        Do({step::Forget(0)});
    }
}

OPENDEXT_BOTH_VARIANTS(ClientMemoryTest);

}  // namespace

}  // namespace opendext::rig
