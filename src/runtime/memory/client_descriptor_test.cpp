// SPDX-License-Identifier: Apache-2.0
// When an application is asked for its memory, and for what. Every test: semantics.md 2.9.
#include "runtime/memory/client_memory.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <latch>
#include <optional>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "runtime/memory/descriptor_state.h"
#include "runtime/memory/memory_census.h"
#include "runtime/memory/testing/descriptors.h"

namespace opendext::memory {
namespace {

constexpr uint64_t kBase = 0x10000;

/// An application with memory from kBase on, and what it was asked for.
class FakeClient final : public ClientMemory {
public:
    struct Asked {
        std::vector<IOAddressSegment> segments;
        bool is_written;
        bool is_shared;
    };

    std::expected<std::vector<ClientSlice>, kern_return_t> Share(
        const ClientRanges &ranges) override {
        const std::lock_guard lock(mutex_);
        asked.push_back({{ranges.segments.begin(), ranges.segments.end()},
                         ranges.is_written,
                         ranges.is_shared});
        if (is_gone) {
            return std::unexpected(kIOReturnAborted);
        }
        std::vector<ClientSlice> slices;
        for (const IOAddressSegment &segment : ranges.segments) {
            const bool is_there = segment.address >= kBase &&
                                  segment.address - kBase + segment.length <= own->num_bytes() &&
                                  (!ranges.is_shared || can_share);
            const auto &region = ranges.is_shared ? own : copy;
            slices.push_back({{is_there ? region : nullptr, is_there ? segment.address - kBase : 0,
                               segment.length},
                              lease});
        }
        if (gives_too_much) {
            slices.push_back(slices.front());
        }
        return slices;
    }

    std::shared_ptr<SharedRegion> own = *SharedRegion::Create(16 * kPage, "own");
    std::shared_ptr<SharedRegion> copy = *SharedRegion::Create(16 * kPage, "copy");
    std::shared_ptr<const void> lease = std::make_shared<int>(0);
    bool is_gone = false;
    bool can_share = true;
    bool gives_too_much = false;
    std::vector<Asked> asked;

private:
    std::mutex mutex_;
};

class ClientDescriptor : public testing::Test {
protected:
    [[nodiscard]] Retained<IOMemoryDescriptor> Describe(std::vector<IOAddressSegment> segments,
                                                        uint64_t options) const {
        return DescriptorFromClient(client, segments, options);
    }

    /// What a device would reach.
    [[nodiscard]] static std::optional<std::vector<Extent>> ForDma(
        const IOMemoryDescriptor &memory) {
        std::vector<Extent> extents;
        FetchMemory(memory, Use::kDma);
        const uint64_t length = StateOf(memory).length;
        if (!MemoryIsThere(memory) || !CollectExtents(memory, Use::kDma, 0, length, extents)) {
            return std::nullopt;
        }
        return extents;
    }

    std::shared_ptr<FakeClient> client = std::make_shared<FakeClient>();
};

TEST_F(ClientDescriptor, Creating_AsksNothing) {
    const auto memory = Describe({{kBase + 5, 10}, {1, 0}, {7, 20}}, kIOMemoryDirectionIn);
    ASSERT_NE(memory, nullptr);
    uint64_t length = 0;
    EXPECT_EQ(memory->GetLength(&length), kIOReturnSuccess);
    EXPECT_EQ(length, 30U);
    EXPECT_TRUE(client->asked.empty());
}

TEST_F(ClientDescriptor, MappingsAskOnce_ForACopyThatTheDriversWritesStayIn) {
    const auto memory = Describe({{kBase + 5, 10}}, kIOMemoryDirectionInOut);
    auto first = MapMemory(*memory);
    const auto second = MapMemory(*memory, {.offset = 1, .length = 2});
    *reinterpret_cast<std::byte *>(first->GetAddress()) = std::byte{1};
    EXPECT_EQ(*client->copy->Writable(), std::byte{0});
    first.reset();
    ASSERT_EQ(client->asked.size(), 1U);
    EXPECT_TRUE(client->asked[0].is_written);
    EXPECT_FALSE(client->asked[0].is_shared);
}

TEST_F(ClientDescriptor, DisableCopyOnWrite_AsksOnceForThePagesThemselves) {
    const auto memory =
        Describe({{kBase + 5, 10}}, kIOMemoryDirectionInOut | kIOMemoryDisableCopyOnWrite);
    const auto map = MapMemory(*memory);
    *reinterpret_cast<std::byte *>(map->GetAddress()) = std::byte{1};
    EXPECT_EQ(client->own->Writable()[5], std::byte{1});
    EXPECT_EQ(ForDma(*memory)->front().slice.region, client->own);
    ASSERT_EQ(client->asked.size(), 1U);
    EXPECT_TRUE(client->asked[0].is_shared);
}

TEST_F(ClientDescriptor, Dma_ReachesThePagesThemselvesEitherWay) {
    const auto memory = Describe({{kBase + 5, 10}}, kIOMemoryDirectionIn);
    const auto map = MapMemory(*memory);
    const auto extents = ForDma(*memory);
    ASSERT_TRUE(extents);
    EXPECT_EQ(extents->front().slice.region, client->own);
    EXPECT_FALSE(extents->front().is_copied_on_write);
    ASSERT_EQ(client->asked.size(), 2U);
    EXPECT_TRUE(client->asked[1].is_shared);
}

TEST_F(ClientDescriptor, DmaOutOfMemoryThatCannotBeShared_ReadsACopy) {
    client->can_share = false;
    const auto reads = ForDma(*Describe({{kBase, 10}}, kIOMemoryDirectionOut));
    ASSERT_TRUE(reads);
    EXPECT_EQ(reads->front().slice.region, client->copy);
    EXPECT_FALSE(ForDma(*Describe({{kBase, 10}}, kIOMemoryDirectionIn)));
    EXPECT_FALSE(
        ForDma(*Describe({{kBase, 10}}, kIOMemoryDirectionOut | kIOMemoryDisableCopyOnWrite)));
}

TEST_F(ClientDescriptor, OnlyDirectionOut_IsNotWritten) {
    const std::array<std::pair<uint64_t, bool>, 5> kinds = {{{kIOMemoryDirectionNone, true},
                                                             {kIOMemoryDirectionIn, true},
                                                             {kIOMemoryDirectionOut, false},
                                                             {kIOMemoryDirectionInOut, true},
                                                             {0xF0E2, false}}};
    for (const auto &[options, is_written] : kinds) {
        const auto memory = Describe({{kBase, 10}}, options);
        Retained<IOMemoryMap> map;
        EXPECT_EQ(TryMap(*memory, {}, map), kIOReturnSuccess);
        EXPECT_EQ(client->asked.back().is_written, is_written) << options;
    }
}

TEST_F(ClientDescriptor, PartsAndConcatenations_AskForTheWhole) {
    const auto memory = Describe({{kBase, kPage}}, kIOMemoryDirectionIn);
    IOMemoryDescriptor *made = nullptr;
    ASSERT_EQ(IOMemoryDescriptor::CreateSubMemoryDescriptor(kIOMemoryDirectionIn, 8, 16,
                                                            memory.get(), &made),
              kIOReturnSuccess);
    const Retained<IOMemoryDescriptor> part(made);
    IOMemoryDescriptor *parts[32] = {memory.get(), part.get()};
    ASSERT_EQ(IOMemoryDescriptor::CreateWithMemoryDescriptors(0, 2, parts, &made),
              kIOReturnSuccess);
    const Retained<IOMemoryDescriptor> whole(made);
    const auto extents = ForDma(*whole);
    ASSERT_TRUE(extents);
    EXPECT_EQ(extents->back().slice.offset, 8U);
    MapMemory(*part);
    ASSERT_EQ(client->asked.size(), 2U);
    EXPECT_EQ(client->asked[0].segments.front().length, kPage);
    EXPECT_EQ(client->asked[1].segments.front().length, kPage);
}

TEST_F(ClientDescriptor, MemoryThatCannotBeHad_IsAskedForAgain) {
    const auto memory = Describe({{kBase, 10}, {0x1000, 10}}, kIOMemoryDirectionIn);
    Retained<IOMemoryMap> map;
    EXPECT_EQ(TryMap(*memory, {.length = 5}, map), kIOReturnError);
    EXPECT_EQ(map, nullptr);
    EXPECT_FALSE(ForDma(*memory));
    const auto other = Describe({{kBase, 10}}, kIOMemoryDirectionIn);
    client->is_gone = true;
    EXPECT_EQ(TryMap(*other, {}, map), kIOReturnError);
    client->is_gone = false;
    client->gives_too_much = true;
    EXPECT_EQ(TryMap(*other, {}, map), kIOReturnError);
    client->gives_too_much = false;
    EXPECT_EQ(TryMap(*other, {}, map), kIOReturnSuccess);
}

TEST_F(ClientDescriptor, SegmentsThatFollowEachOther_AreOne) {
    const auto memory =
        Describe({{kBase + 5, 10}, {kBase + 15, 5}, {3, 0}, {kBase + 20, kPage}, {kBase, 5}},
                 kIOMemoryDirectionOut);
    EXPECT_EQ(MapMemory(*memory)->GetLength(), 20 + kPage);
    ASSERT_EQ(client->asked[0].segments.size(), 2U);
    EXPECT_EQ(client->asked[0].segments[0].address, kBase + 5);
    EXPECT_EQ(client->asked[0].segments[0].length, 15 + kPage);
}

TEST_F(ClientDescriptor, RangesThatOverflow_AreRefused) {
    EXPECT_EQ(Describe({{UINT64_MAX - 5, 10}}, 0), nullptr);
    EXPECT_EQ(Describe({{UINT64_MAX - 5, 5}}, 0), nullptr);  // once rounded up to a page
    EXPECT_EQ(Describe({{0, UINT64_MAX}}, 0), nullptr);
    EXPECT_EQ(Describe({{0, 1ULL << 63}, {0, 1ULL << 63}}, 0), nullptr);
    EXPECT_EQ(Describe({{kBase, MemoryOfTheMachine()}, {kBase, 1}}, 0), nullptr);
    EXPECT_TRUE(client->asked.empty());
    EXPECT_EQ(TakeMemoryCensus().num_descriptors, 0U);
}

TEST_F(ClientDescriptor, NothingAtAll_IsAnEmptyDescriptor) {
    for (const auto &segments : {std::vector<IOAddressSegment>{}, {{UINT64_MAX, 0}, {0, 0}}}) {
        const auto memory = Describe(segments, kIOMemoryDirectionIn);
        ASSERT_NE(memory, nullptr);
        Retained<IOMemoryMap> map;
        EXPECT_EQ(TryMap(*memory, {}, map), kIOReturnError);
        EXPECT_TRUE(MemoryIsThere(*memory));
    }
    EXPECT_TRUE(client->asked.empty());
}

TEST_F(ClientDescriptor, ThreadsThatMapAtOnce_ShareOneAnswer) {
    const auto memory = Describe({{kBase, kPage}}, kIOMemoryDirectionIn);
    std::latch start(4);
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            start.arrive_and_wait();
            EXPECT_NE(MapMemory(*memory), nullptr);
            EXPECT_TRUE(ForDma(*memory));
        });
    }
    threads.clear();
    EXPECT_EQ(client->asked.size(), 2U);
}

TEST_F(ClientDescriptor, Leases_LastAsLongAsTheDescriptorOrAMapping) {
    auto memory = Describe({{kBase, kPage}}, kIOMemoryDirectionIn);
    auto map = MapMemory(*memory);
    const std::weak_ptr<const void> lease = client->lease;
    client->lease.reset();
    memory.reset();
    EXPECT_FALSE(lease.expired());
    map.reset();
    EXPECT_TRUE(lease.expired());
    EXPECT_EQ(TakeMemoryCensus(), MemoryCensus{});
}

}  // namespace
}  // namespace opendext::memory
