// SPDX-License-Identifier: Apache-2.0
// Threads of the application that use, change and share the same memory at once.
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <thread>
#include <vector>

#include "channel/memory/testing/app_memory_fixture.h"

namespace opendext::channel {
namespace {

constexpr uint64_t kPage = 4096;

// Threads that change what is mapped while others ask for it.
// NOLINTNEXTLINE(readability-function-size): its threads are in it
TEST_F(AppMemoryTest, MappingsThatChangeAllTheTime_AreNeverGivenOutStale) {
    constexpr uint64_t kLength = 16 * kPage;
    const MappedRegion place = MapFresh(kLength, 0);
    std::atomic<uint64_t> generation = 0;
    std::atomic<bool> stop = false;
    std::jthread asker([&] {
        while (!stop) {
            const uint64_t before = generation.load();
            auto slice = memory.Find(RangeOf(place.data() + 8, kLength - 8), kWrite);
            if (!slice) {
                if (auto shared = memory.Share(RangeOf(place.data() + 8, kLength - 8), kWrite);
                    shared && shared->size() == 1) {
                    slice = shared->front();
                }
            }
            if (!slice) {
                continue;
            }
            // What a generation's pages hold is the generation or, where nobody wrote yet, zero.
            uint64_t seen = 0;
            const std::byte *const bytes = At(*slice);
            __atomic_load(reinterpret_cast<const uint64_t *>(bytes), &seen, __ATOMIC_RELAXED);
            EXPECT_TRUE(seen == 0 || seen >= before) << seen << " of generation " << before;
        }
    });
    for (uint64_t i = 1; i <= 400; ++i) {
        ASSERT_NE(mmap(place.data(), kLength, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
                  MAP_FAILED);
        generation.store(i);
        for (uint64_t at = 8; at < kLength; at += 8) {
            __atomic_store_n(reinterpret_cast<uint64_t *>(place.data() + at), i, __ATOMIC_RELAXED);
        }
    }
    stop = true;
}

// NOLINTNEXTLINE(readability-function-size): its threads are in it
TEST_F(AppMemoryTest, LiveWriters_LoseNothing) {
    constexpr uint64_t kLength = 4 * kMiB;
    constexpr int kNumWriters = 3;
    const MappedRegion region = MapFresh(kLength, 0);
    std::atomic<bool> stop = false;
    std::array<uint64_t, kNumWriters> num_rounds = {};
    {
        std::vector<std::jthread> writers;
        for (int writer = 0; writer < kNumWriters; ++writer) {
            writers.emplace_back([&, writer] {
                while (!stop) {
                    for (uint64_t at = 0; at < kLength; at += 4096) {
                        auto *const word =
                            reinterpret_cast<uint64_t *>(region.data() + at) + writer;
                        __atomic_store_n(word, __atomic_load_n(word, __ATOMIC_RELAXED) + 1,
                                         __ATOMIC_RELAXED);
                    }
                    ++num_rounds[static_cast<size_t>(writer)];
                }
            });
        }
        for (int i = 0; i < 20; ++i) {
            EXPECT_TRUE(memory.Share(RangeOf(region.data(), kLength), kWrite));
            EXPECT_TRUE(memory.Leave(RangeOf(region.data(), kLength)));
        }
        stop = true;
    }
    for (uint64_t at = 0; at < kLength; at += 4096) {
        for (size_t writer = 0; writer < kNumWriters; ++writer) {
            ASSERT_EQ(reinterpret_cast<uint64_t *>(region.data() + at)[writer], num_rounds[writer]);
        }
    }
}

TEST_F(AppMemoryTest, SharesFromSeveralThreads_AgreeOnTheBytes) {
    constexpr uint64_t kLength = 2 * kMiB;
    for (int round = 0; round < 10; ++round) {
        const MappedRegion region = MapFresh(kLength, round + 1);
        std::vector<std::jthread> threads;
        for (uint64_t thread = 0; thread < 4; ++thread) {
            threads.emplace_back([&, thread] {
                const AppRange range = RangeOf(region.data() + thread * 100'000, kMiB);
                const auto slices = memory.Share(range, kWrite);
                ASSERT_TRUE(slices);
                EXPECT_EQ(Contents(*slices),
                          std::vector<std::byte>(kMiB, static_cast<std::byte>(round + 1)));
            });
        }
    }
}

TEST_F(AppMemoryTest, RangeThatAnotherThreadUnmaps_IsRefusedOrShared) {
    for (int round = 0; round < 50; ++round) {
        // What is unmapped is somebody else's from then on: only the first half is this test's to the end.
        auto *const bytes = static_cast<std::byte *>(MapFresh(kMiB, 1).Release());
        const MappedRegion first_half = MappedRegion::Adopt(bytes, kMiB / 2);
        const std::jthread unmapper([&] { munmap(bytes + kMiB / 2, kMiB / 2); });
        const auto slices = memory.Share(RangeOf(bytes, kMiB), kWrite);
        EXPECT_TRUE(slices || slices.error() == ShareFailure::kUnmapped ||
                    slices.error() == ShareFailure::kNotMovable)
            << static_cast<int>(slices.error());
    }
}

// What another thread does while a piece of a buffer is about to be mapped over. Each knows the buffer's start.

void MapAnew(uint64_t start, uint64_t end) {
    EXPECT_NE(mmap(reinterpret_cast<void *>(start), end - start, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
              MAP_FAILED);
    std::memset(reinterpret_cast<void *>(start), 9, end - start);
}
void MapOnePageAnew(uint64_t start, uint64_t /*end*/) {
    MapAnew(start + 4 * kPage, start + 5 * kPage);
}
void Unmap(uint64_t start, uint64_t end) {
    munmap(reinterpret_cast<void *>(start), end - start);
}
void UnmapOnePage(uint64_t start, uint64_t /*end*/) {
    Unmap(start + 4 * kPage, start + 5 * kPage);
}

TEST_F(AppMemoryTest, MemoryMappedAnewDuringTheMove_IsNotTouched) {
    for (const bool lacks_userfault : {false, true}) {
        const auto address = memory.Allocate(kMiB);
        ASSERT_TRUE(address);
        auto *const bytes = reinterpret_cast<std::byte *>(*address);
        memory.ForbidMovesForTest(lacks_userfault);
        memory.CallBeforeMappingForTest(&MapAnew);
        EXPECT_FALSE(memory.Leave({*address, kMiB}));
        EXPECT_FALSE(memory.Find({*address, kMiB}, kRead)) << lacks_userfault;
        EXPECT_TRUE(
            std::all_of(bytes, bytes + kMiB, [](std::byte byte) { return byte == std::byte{9}; }));
        memory.CallBeforeMappingForTest(nullptr);
        munmap(bytes, kMiB);
    }
}

TEST_F(AppMemoryTest, PartMappedAnewDuringTheMove_IsNotTouchedAndTheRestIsAsItWas) {
    const MappedRegion region = MapFresh(3 * kMiB, 1);
    memory.CallBeforeMappingForTest(&MapOnePageAnew);
    EXPECT_EQ(memory.Share(RangeOf(region.data(), 3 * kMiB), kWrite).error(),
              ShareFailure::kUnmapped);
    memory.CallBeforeMappingForTest(nullptr);
    std::vector<std::byte> expected(3 * kMiB, std::byte{1});
    std::fill_n(expected.begin() + static_cast<ptrdiff_t>(4 * kPage), kPage, std::byte{9});
    EXPECT_TRUE(std::equal(expected.begin(), expected.end(), region.data()));
    // Nobody is held up any more.
    std::memset(region.data(), 2, 3 * kMiB);
    const auto slices = memory.Share(RangeOf(region.data(), 3 * kMiB), kWrite);
    ASSERT_TRUE(slices);
    EXPECT_EQ(Contents(*slices), std::vector<std::byte>(3 * kMiB, std::byte{2}));
}

TEST_F(AppMemoryTest, MemoryUnmappedDuringTheMove_StaysUnmapped) {
    for (const PageMover::Hook hook : {&Unmap, &UnmapOnePage}) {
        auto *const bytes = static_cast<std::byte *>(MapFresh(kMiB, 1).Release());
        const uint64_t start = reinterpret_cast<uint64_t>(bytes);
        memory.CallBeforeMappingForTest(hook);
        EXPECT_EQ(memory.Share({start, kMiB}, kWrite).error(), ShareFailure::kUnmapped);
        memory.CallBeforeMappingForTest(nullptr);
        EXPECT_FALSE(memory.Find({start + 4 * kPage, 4096}, kRead));
        const auto area = memory.address_space_for_test().AreaAt(start + 4 * kPage);
        EXPECT_FALSE(area && area->is_shared);
        if (hook == &UnmapOnePage) {
            std::memset(bytes, 2, 4 * kPage);
            std::memset(bytes + 5 * kPage, 2, kMiB - 5 * kPage);
            Unmap(start, start + 4 * kPage);
            Unmap(start + 5 * kPage, start + kMiB);
        }
    }
}

}  // namespace
}  // namespace opendext::channel
