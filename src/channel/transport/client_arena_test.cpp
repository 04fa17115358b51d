// SPDX-License-Identifier: Apache-2.0
#include "channel/transport/client_arena.h"

#include <sys/mman.h>
#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

#include "base/mapping.h"
#include "channel/transport/testing/fake_lending_peer.h"

namespace opendext::channel {
namespace {

constexpr uint64_t kMiB = 1 << 20;

class ClientArenaTest : public testing::Test {
protected:
    FakeLendingPeer peer_;
    ClientArena arena_{&peer_};
};

TEST_F(ClientArenaTest, ReleasedChunk_IsTheNextOneOfItsSize) {
    ClientArena::Chunk chunk = arena_.Acquire(kMiB);
    ASSERT_NE(chunk.region, nullptr);
    EXPECT_GE(chunk.region->num_bytes(), kMiB + PageSize());
    const SharedRegion *const region = chunk.region.get();
    arena_.Release(std::move(chunk));
    const ClientArena::Chunk other = arena_.Acquire(4 * kMiB);
    EXPECT_NE(other.region.get(), region);
    const ClientArena::Chunk again = arena_.Acquire(kMiB - 1);
    EXPECT_EQ(again.region.get(), region);
    EXPECT_EQ(peer_.num_registered, 2U);
    // Nobody has two at a time.
    EXPECT_NE(arena_.Acquire(kMiB).region.get(), region);
}

TEST_F(ClientArenaTest, IdleMemory_IsBoundedAndTheLongestIdleGoesFirst) {
    std::vector<ClientArena::Chunk> chunks;
    for (int i = 0; i < 6; ++i) {
        chunks.push_back(arena_.Acquire(ClientArena::kLargestKept));
    }
    const uint64_t first = chunks.front().region_id;
    for (ClientArena::Chunk &chunk : chunks) {
        arena_.Release(std::move(chunk));
    }
    EXPECT_LE(arena_.num_idle_bytes(), ClientArena::kMaxIdleBytes);
    EXPECT_GT(arena_.num_idle_bytes(), ClientArena::kMaxIdleBytes / 2);
    EXPECT_FALSE(peer_.known.contains(first));
    EXPECT_EQ(peer_.num_wrong_drops, 0U);
}

TEST_F(ClientArenaTest, IdleChunks_AreBoundedInNumber) {
    std::vector<ClientArena::Chunk> chunks;
    for (size_t i = 0; i < ClientArena::kMaxIdleChunks + 20; ++i) {
        chunks.push_back(arena_.Acquire(1));
    }
    for (ClientArena::Chunk &chunk : chunks) {
        arena_.Release(std::move(chunk));
    }
    EXPECT_EQ(peer_.known.size(), ClientArena::kMaxIdleChunks);
}

TEST_F(ClientArenaTest, ChunkAboveTheLargestKept_GoesWhenItWasUsed) {
    arena_.Release(arena_.Acquire(ClientArena::kLargestKept + 1));
    EXPECT_EQ(arena_.num_idle_bytes(), 0U);
    EXPECT_TRUE(peer_.known.empty());
}

TEST_F(ClientArenaTest, AbandonedChunk_IsNotUsedAgain) {
    const ClientArena::Chunk chunk = arena_.Acquire(kMiB);
    arena_.Abandon(chunk);
    EXPECT_TRUE(peer_.known.empty());
    EXPECT_NE(arena_.Acquire(kMiB).region, chunk.region);
}

TEST_F(ClientArenaTest, Trim_IsAskedForOnceAndDropsWhatIsIdle) {
    arena_.Release(arena_.Acquire(kMiB));
    arena_.Release(arena_.Acquire(2 * kMiB));
    EXPECT_EQ(peer_.num_trims_due, 1U);
    arena_.TrimIdle();  // too early: it is asked for again
    EXPECT_EQ(peer_.known.size(), 2U);
    EXPECT_EQ(peer_.num_trims_due, 2U);
    arena_.TrimAll();
    EXPECT_EQ(arena_.num_idle_bytes(), 0U);
    EXPECT_TRUE(peer_.known.empty());
}

TEST_F(ClientArenaTest, NoMemoryOrAPeerThatRefuses_IsAChunkWithoutRegion) {
    EXPECT_EQ(arena_.Acquire(UINT64_MAX).region, nullptr);
    EXPECT_EQ(arena_.Acquire(uint64_t{1} << 63).region, nullptr);
    peer_.refuses = true;
    EXPECT_EQ(arena_.Acquire(kMiB).region, nullptr);
    ChunkLoan loan(arena_);
    EXPECT_FALSE(loan.Take(kMiB));
}

TEST_F(ClientArenaTest, Loan_GoesBackWithItsObject) {
    {
        ChunkLoan loan(arena_);
        ASSERT_TRUE(loan.Take(kMiB));
        loan.bytes()[kMiB] = std::byte{1};
    }
    EXPECT_GT(arena_.num_idle_bytes(), kMiB);
}

TEST_F(ClientArenaTest, BytesThereAndBack_AreWhatTheDriverLeft) {
    for (const uint64_t num_bytes : {uint64_t{100}, kMiB / 16, 3 * kMiB, 40 * kMiB}) {
        std::vector<std::byte> bytes(num_bytes, std::byte{4});
        ChunkLoan loan(arena_);
        ASSERT_TRUE(loan.Take(num_bytes, Passage::kThereAndBack));
        int num_announced = 0;
        EXPECT_EQ(loan.FillAndAnnounce(8, bytes.data(), num_bytes, [&] { ++num_announced; }),
                  num_bytes);
        EXPECT_EQ(num_announced, 1);
        loan.bytes()[8] = std::byte{5};
        EXPECT_EQ(loan.CopyBack(8, bytes.data(), num_bytes), num_bytes);
        EXPECT_EQ(bytes.front(), std::byte{5});
        EXPECT_EQ(std::ranges::count(bytes, std::byte{4}), static_cast<ptrdiff_t>(num_bytes - 1));
        EXPECT_EQ(loan.CopyBack(8, nullptr, num_bytes), 0U);
    }
}

TEST_F(ClientArenaTest, BytesBackToMemoryThatEndsEarly_AreCountedUpToItsEnd) {
    const uint64_t num_bytes = 8 * kMiB;
    const uint64_t num_writable = 5 * kMiB;
    const auto target = MappedRegion::MapAnonymous(num_bytes);
    ASSERT_TRUE(target);
    ASSERT_EQ(mprotect(target->data() + num_writable, num_bytes - num_writable, PROT_READ), 0);
    for (int i = 0; i < 10; ++i) {  // also those that one thread copies
        ChunkLoan loan(arena_);
        ASSERT_TRUE(loan.Take(num_bytes, Passage::kThereAndBack));
        EXPECT_EQ(loan.CopyBack(0, target->data(), num_bytes), num_writable);
    }
}

}  // namespace
}  // namespace opendext::channel
