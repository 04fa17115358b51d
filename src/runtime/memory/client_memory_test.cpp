// SPDX-License-Identifier: Apache-2.0
// Memory of an application as CreateMemoryDescriptorFromClient gives it. Every test: semantics.md 2.9, unless it
// names another section.
#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/log.h"
#include "runtime/memory/memory_census.h"
#include "runtime/memory/testing/descriptors.h"
#include "runtime/memory/testing/page_access.h"

namespace opendext::memory {
namespace {

std::span<std::byte> BytesOf(const SharedSlice &slice) {
    return {slice.region->Writable() + slice.offset, slice.length};
}

/// A slice of a region of its own, filled with numbers that differ from slice to slice.
ClientSlice MakeSlice(uint64_t offset, uint64_t length, int seed = 1) {
    auto region = SharedRegion::Create(offset + length, "client");
    EXPECT_TRUE(region.has_value());
    ClientSlice client{{*region, offset, length}, nullptr};
    for (size_t i = 0; std::byte & each : BytesOf(client.slice)) {
        each = static_cast<std::byte>(seed * 31 + static_cast<int>(i++));
    }
    return client;
}

std::span<std::byte> BytesOf(IOMemoryMap &map) {
    return {reinterpret_cast<std::byte *>(map.GetAddress()), map.GetLength()};
}

bool AreSame(std::span<const std::byte> a, std::span<const std::byte> b) {
    return std::ranges::equal(a, b);
}

uint64_t LengthOf(IOMemoryDescriptor &memory) {
    uint64_t length = 0;
    EXPECT_EQ(memory.GetLength(&length), kIOReturnSuccess);
    return length;
}

TEST(ClientMemory, SlicesOfWholePages_AreOneContiguousRange) {
    const std::vector slices = {MakeSlice(40, kPage - 40, 1), MakeSlice(kPage, 2 * kPage, 2),
                                MakeSlice(0, 100, 3)};
    const auto memory = DescriptorFromSlices(slices, kIOMemoryDirectionInOut);
    EXPECT_EQ(LengthOf(*memory), 3 * kPage - 40 + 100);
    const auto map = MapMemory(*memory);
    EXPECT_EQ(map->GetAddress() % kPage, 40U);
    auto bytes = BytesOf(*map);
    for (const ClientSlice &client : slices) {
        EXPECT_TRUE(AreSame(bytes.first(client.slice.length), BytesOf(client.slice)));
        bytes = bytes.subspan(client.slice.length);
    }
    // What the driver writes, the application reads.
    BytesOf(*map)[kPage] = std::byte{0xAA};
    EXPECT_EQ(BytesOf(slices[1].slice)[40], std::byte{0xAA});
}

TEST(ClientMemory, SlicesThatMeetInsideAPage_EachHavePagesOfTheirOwn) {
    const std::vector slices = {MakeSlice(16, 100, 1), MakeSlice(300, kPage, 2),
                                MakeSlice(8, 50, 3)};
    const auto memory = DescriptorFromSlices(slices, kIOMemoryDirectionInOut);
    const auto map = MapMemory(*memory);
    EXPECT_EQ(map->GetLength(), 100 + kPage + 50);
    const auto *pages = reinterpret_cast<const std::byte *>(map->GetAddress() - 16);
    EXPECT_TRUE(AreSame({pages + 16, 100}, BytesOf(slices[0].slice)));
    EXPECT_TRUE(AreSame({pages + kPage + 300, kPage}, BytesOf(slices[1].slice)));
    EXPECT_TRUE(AreSame({pages + 3 * kPage + 8, 50}, BytesOf(slices[2].slice)));
    EXPECT_EQ(AccessAt(map->GetAddress() - 16 + 4 * kPage), PageAccess::kNone);
}

TEST(ClientMemory, PartOfAMappingWithGaps_StartsAtItsOwnBytes) {
    const std::vector slices = {MakeSlice(16, 100, 1), MakeSlice(300, kPage, 2)};
    const auto memory = DescriptorFromSlices(slices, kIOMemoryDirectionInOut);
    const auto whole = MapMemory(*memory);
    const auto part = MapMemory(*memory, {.offset = 110, .length = 200});
    EXPECT_TRUE(AreSame(BytesOf(*part), BytesOf(slices[1].slice).subspan(10, 200)));
    EXPECT_EQ(part->GetAddress(), whole->GetAddress() - 16 + kPage + 310);
}

TEST(ClientMemory, SliceThatContinuesTheOneBefore_FollowsIt) {
    const ClientSlice whole = MakeSlice(40, 5000);
    const SharedSlice &slice = whole.slice;
    const auto memory = DescriptorFromSlices(
        {{{slice.region, 40, 100}, nullptr}, {{slice.region, 140, 4900}, nullptr}},
        kIOMemoryDirectionInOut);
    EXPECT_TRUE(AreSame(BytesOf(*MapMemory(*memory)), BytesOf(slice)));
    EXPECT_TRUE(AreSame(BytesOf(*MapMemory(*memory, {.offset = 90, .length = 20})),
                        BytesOf(slice).subspan(90, 20)));
}

TEST(ClientMemory, ThirtyTwoSlicesOfAnyAlignment_ShowTheirBytesInEveryRange) {
    std::mt19937_64 random(7);
    std::vector<ClientSlice> slices;
    std::vector<std::byte> all;
    for (int i = 0; i < 32; ++i) {
        slices.push_back(MakeSlice(random() % kPage, 1 + random() % (3 * kPage), i));
        const auto bytes = BytesOf(slices.back().slice);
        all.insert(all.end(), bytes.begin(), bytes.end());
    }
    const auto memory = DescriptorFromSlices(slices, kIOMemoryDirectionInOut);
    ASSERT_EQ(LengthOf(*memory), all.size());
    uint64_t start = 0;
    for (const ClientSlice &client : slices) {
        const uint64_t skipped = random() % client.slice.length;
        const uint64_t length = client.slice.length - skipped;
        const auto map = MapMemory(*memory, {.offset = start + skipped, .length = length});
        ASSERT_TRUE(AreSame(BytesOf(*map), std::span(all).subspan(start + skipped, length)));
        start += client.slice.length;
    }
}

TEST(ClientMemory, OneSliceThatCouldNotBeHad_NothingCanBeMapped) {
    const auto memory = DescriptorFromSlices(
        {MakeSlice(0, kPage), {{nullptr, 0, kPage}, nullptr}, MakeSlice(0, 10)},
        kIOMemoryDirectionIn);
    ASSERT_NE(memory, nullptr);
    EXPECT_EQ(LengthOf(*memory), 2 * kPage + 10);
    Retained<IOMemoryMap> map;
    EXPECT_EQ(TryMap(*memory, {}, map), kIOReturnError);
    EXPECT_EQ(TryMap(*memory, {.length = 8}, map), kIOReturnError);
    IOMemoryDescriptor *part = nullptr;
    ASSERT_EQ(IOMemoryDescriptor::CreateSubMemoryDescriptor(0, 0, 8, memory.get(), &part),
              kIOReturnSuccess);
    EXPECT_EQ(TryMap(*Retained<IOMemoryDescriptor>(part), {}, map), kIOReturnError);
}

TEST(ClientMemory, SliceOutsideItsRegion_CountsAsOneThatCouldNotBeHad) {
    for (const auto &[offset, length] : {std::pair<uint64_t, uint64_t>{1, kPage},
                                         {kPage, 1},
                                         {UINT64_MAX, kPage},
                                         {kPage + 1, 0x1000}}) {
        ClientSlice slice = MakeSlice(0, kPage);
        slice.slice.offset = offset;
        slice.slice.length = length;
        const auto memory = DescriptorFromSlices({slice}, kIOMemoryDirectionIn);
        Retained<IOMemoryMap> map;
        EXPECT_EQ(TryMap(*memory, {}, map), kIOReturnError) << offset;
    }
}

TEST(ClientMemory, LengthsThatOverflowOrExceedTheMachine_MakeNoDescriptor) {
    const auto make = [](const std::vector<uint64_t> &lengths) {
        std::vector<ClientSlice> slices;
        for (const uint64_t length : lengths) {
            slices.push_back({{nullptr, 0, length}, nullptr});
        }
        return DescriptorFromSlices(std::move(slices), kIOMemoryDirectionIn);
    };
    EXPECT_EQ(make({uint64_t{1} << 63}), nullptr);
    EXPECT_EQ(make({UINT64_MAX, 2}), nullptr);
    EXPECT_EQ(make({kPage, uint64_t{1} << 62}), nullptr);
    EXPECT_NE(make({kPage, kPage}), nullptr);
}

TEST(ClientMemory, LengthZero_IsSkippedAndAloneCannotBeMapped) {
    Retained<IOMemoryMap> map;
    for (const auto &none :
         {DescriptorFromSlices({}, kIOMemoryDirectionIn),
          DescriptorFromSlices({{{nullptr, 0, 0}, nullptr}}, kIOMemoryDirectionIn)}) {
        ASSERT_NE(none, nullptr);
        EXPECT_EQ(LengthOf(*none), 0U);
        EXPECT_EQ(TryMap(*none, {}, map), kIOReturnError);
        EXPECT_EQ(TryMap(*none, {.length = 1}, map), kIOReturnError);
    }
    const ClientSlice slice = MakeSlice(0, 10);
    const auto memory =
        DescriptorFromSlices({{{nullptr, 0, 0}, nullptr}, slice}, kIOMemoryDirectionIn);
    EXPECT_TRUE(AreSame(BytesOf(*MapMemory(*memory)), BytesOf(slice.slice)));
}

TEST(ClientMemory, OverlappingSlices_ShowTheSameBytesTwice) {
    const ClientSlice slice = MakeSlice(0, 2 * kPage);
    const auto memory = DescriptorFromSlices({slice, {{slice.slice.region, kPage, kPage}, nullptr}},
                                             kIOMemoryDirectionInOut);
    const auto map = MapMemory(*memory);
    BytesOf(*map)[2 * kPage + 5] = std::byte{0x77};
    EXPECT_EQ(BytesOf(*map)[kPage + 5], std::byte{0x77});
}

// semantics.md 1.3
TEST(ClientMemory, DirectionOut_IsReadOnlyThroughEveryDescriptor) {
    const auto memory =
        DescriptorFromSlices({MakeSlice(0, kPage), MakeSlice(0, 100)}, kIOMemoryDirectionOut);
    EXPECT_EQ(AccessAt(MapMemory(*memory)->GetAddress()), PageAccess::kReadOnly);
    EXPECT_EQ(AccessAt(MapMemory(*memory, {.offset = kPage + 1, .length = 9})->GetAddress()),
              PageAccess::kReadOnly);
    uint64_t address = 0;
    uint64_t length = 0;
    ASSERT_EQ(memory->Map(0, 0, 0, 0, &address, &length), kIOReturnSuccess);
    EXPECT_EQ(AccessAt(address), PageAccess::kReadOnly);
    IOMemoryDescriptor *made = nullptr;
    ASSERT_EQ(IOMemoryDescriptor::CreateSubMemoryDescriptor(kIOMemoryDirectionOut, 8, 8,
                                                            memory.get(), &made),
              kIOReturnSuccess);
    const Retained<IOMemoryDescriptor> part(made);
    EXPECT_EQ(AccessAt(MapMemory(*part)->GetAddress()), PageAccess::kReadOnly);
    IOMemoryDescriptor *parts[32] = {memory.get()};
    ASSERT_EQ(
        IOMemoryDescriptor::CreateWithMemoryDescriptors(kIOMemoryDirectionOut, 1, parts, &made),
        kIOReturnSuccess);
    const Retained<IOMemoryDescriptor> whole(made);
    EXPECT_EQ(AccessAt(MapMemory(*whole)->GetAddress()), PageAccess::kReadOnly);
}

TEST(ClientMemory, WritesThatStay_AreSeenByTheDriverAlone) {
    const std::vector slices = {MakeSlice(16, kPage - 16, 1), MakeSlice(0, 100, 2)};
    const auto memory =
        DescriptorFromSlices(slices, kIOMemoryDirectionInOut, ClientWrites::kStayInTheMapping);
    const std::byte before = BytesOf(slices[1].slice)[3];
    const auto map = MapMemory(*memory);
    BytesOf(*map)[kPage - 16 + 3] = ~before;
    EXPECT_EQ(BytesOf(slices[1].slice)[3], before);
    EXPECT_EQ(BytesOf(*MapMemory(*memory))[kPage - 16 + 3], ~before);
    // Neither through one slice alone, nor through a concatenation.
    const auto one =
        DescriptorFromSlices({slices[1]}, kIOMemoryDirectionInOut, ClientWrites::kStayInTheMapping);
    BytesOf(*MapMemory(*one))[3] = ~before;
    IOMemoryDescriptor *parts[32] = {one.get()};
    IOMemoryDescriptor *made = nullptr;
    ASSERT_EQ(IOMemoryDescriptor::CreateWithMemoryDescriptors(0, 1, parts, &made),
              kIOReturnSuccess);
    BytesOf(*MapMemory(*Retained<IOMemoryDescriptor>(made)))[3] = ~before;
    EXPECT_EQ(BytesOf(slices[1].slice)[3], before);
    EXPECT_EQ(ShareDescriptorPieces(one.get()).error(), kIOReturnUnsupported);
}

/// A lease, and whether it is still held.
struct Lease {
    std::shared_ptr<int> held = std::make_shared<int>(0);
    std::weak_ptr<int> watch = held;

    ClientSlice Of(ClientSlice client) {
        client.lease = std::exchange(held, nullptr);
        return client;
    }
    bool IsOver() const { return watch.expired(); }
};

TEST(ClientMemory, Lease_EndsWithTheLastThatStandsOnTheMemory) {
    Lease lease;
    auto memory =
        DescriptorFromSlices({lease.Of(MakeSlice(0, 2 * kPage))}, kIOMemoryDirectionInOut);
    IOMemoryDescriptor *made = nullptr;
    ASSERT_EQ(IOMemoryDescriptor::CreateSubMemoryDescriptor(3, 0, kPage, memory.get(), &made),
              kIOReturnSuccess);
    Retained<IOMemoryDescriptor> part(made);
    IOMemoryDescriptor *parts[32] = {part.get()};
    ASSERT_EQ(IOMemoryDescriptor::CreateWithMemoryDescriptors(3, 1, parts, &made),
              kIOReturnSuccess);
    Retained<IOMemoryDescriptor> whole(made);
    auto map = MapMemory(*whole, {.options = kIOMemoryMapGuardedLarge});
    memory.reset();
    part.reset();
    whole.reset();
    EXPECT_FALSE(lease.IsOver());
    BytesOf(*map)[0] = std::byte{1};
    map.reset();
    EXPECT_TRUE(lease.IsOver());
}

TEST(ClientMemory, Lease_EndsWithADescriptorThatWasMappedForGood) {
    Lease lease;
    auto memory = DescriptorFromSlices({lease.Of(MakeSlice(0, 100)), MakeSlice(0, 50)},
                                       kIOMemoryDirectionInOut);
    uint64_t address = 0;
    uint64_t length = 0;
    ASSERT_EQ(memory->Map(0, 0, 0, 0, &address, &length), kIOReturnSuccess);
    EXPECT_FALSE(lease.IsOver());
    memory.reset();
    EXPECT_TRUE(lease.IsOver());
}

TEST(ClientMemory, Lease_OfADescriptorThatWasNeverMade_IsOver) {
    Lease lease;
    ClientSlice slice = lease.Of(MakeSlice(0, 10));
    slice.slice.length = UINT64_MAX;
    EXPECT_EQ(DescriptorFromSlices({std::move(slice)}, 0), nullptr);
    EXPECT_TRUE(lease.IsOver());
}

/// Numbers as bad input has them.
uint64_t WildNumber(std::mt19937_64 &random) {
    constexpr std::array<uint64_t, 9> kEdges = {0,
                                                1,
                                                kPage - 1,
                                                kPage,
                                                kPage + 1,
                                                uint64_t{1} << 62,
                                                uint64_t{1} << 63,
                                                UINT64_MAX - 1,
                                                UINT64_MAX};
    return random() % 3 == 0 ? kEdges[random() % kEdges.size()] : random() % (3 * kPage);
}

/// Makes, maps, cuts and joins memory with wild arguments. @return how often a mapping was not what it should be.
int UseWildly(const std::shared_ptr<SharedRegion> &region, uint64_t seed) {
    std::mt19937_64 random(seed);
    int num_failures = 0;
    for (int i = 0; i < 150; ++i) {
        std::vector<ClientSlice> slices;
        for (uint64_t n = random() % 34; n != 0; --n) {
            slices.push_back(
                {{random() % 8 != 0 ? region : nullptr, WildNumber(random), WildNumber(random)},
                 nullptr});
        }
        const auto memory = DescriptorFromSlices(
            std::move(slices), random() % 4,
            random() % 2 == 0 ? ClientWrites::kReachTheSlices : ClientWrites::kStayInTheMapping);
        if (memory == nullptr) {
            continue;
        }
        std::array<IOMemoryDescriptor *, 40> parts = {};
        parts.fill(memory.get());
        IOMemoryDescriptor *made = nullptr;
        const kern_return_t cut = IOMemoryDescriptor::CreateSubMemoryDescriptor(
            random() % 5, WildNumber(random), WildNumber(random), memory.get(), &made);
        const Retained<IOMemoryDescriptor> part(cut == kIOReturnSuccess ? made : nullptr);
        const auto count = static_cast<uint32_t>(random() % 34);
        const kern_return_t joined =
            IOMemoryDescriptor::CreateWithMemoryDescriptors(0, count, parts.data(), &made);
        const Retained<IOMemoryDescriptor> whole(joined == kIOReturnSuccess ? made : nullptr);
        num_failures += count > 32 && joined != kIOReturnOverrun;
        for (IOMemoryDescriptor *each : {memory.get(), part.get(), whole.get()}) {
            Retained<IOMemoryMap> map;
            const uint64_t length = WildNumber(random);
            if (each != nullptr && TryMap(*each,
                                          {.options = random() % 64,
                                           .offset = WildNumber(random),
                                           .length = length,
                                           .address = WildNumber(random)},
                                          map) == kIOReturnSuccess) {
                num_failures += AccessAt(map->GetAddress()) == PageAccess::kNone;
                num_failures +=
                    AccessAt(map->GetAddress() + map->GetLength() - 1) == PageAccess::kNone;
            }
        }
    }
    return num_failures;
}

TEST(ClientMemory, WildArgumentsFromManyThreads_AreErrorsOrMappings) {
    SetLogLevel(LogLevel::kError);
    const MemoryCensus before = TakeMemoryCensus();
    const ClientSlice slice = MakeSlice(0, 4 * kPage);
    std::atomic<int> num_failures = 0;
    std::vector<std::thread> threads;
    for (uint64_t seed = 1; seed <= 4; ++seed) {
        threads.emplace_back([&, seed] { num_failures += UseWildly(slice.slice.region, seed); });
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
    EXPECT_EQ(num_failures, 0);
    EXPECT_EQ(TakeMemoryCensus(), before);
    SetLogLevel(LogLevel::kInfo);
}

}  // namespace
}  // namespace opendext::memory
