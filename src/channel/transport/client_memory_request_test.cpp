// SPDX-License-Identifier: Apache-2.0
// What a driver asks of its application's memory, over both ways to a user client: semantics.md 2.9.
#include <sys/mman.h>
#include <algorithm>
#include <cstring>
#include <span>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/mapping.h"
#include "channel/memory/app_memory.h"
#include "channel/transport/testing/connection_fixture.h"

namespace opendext::channel {
namespace {

using Ask = FakeUserClient::Ask;

constexpr uint64_t kPage = 4096;

class ClientMemoryRequestTest : public ConnectionTest {
protected:
    void SetUp() override {
        ConnectionTest::SetUp();
        auto pages = MappedRegion::MapAnonymous(kNumBytes);
        ASSERT_TRUE(pages);
        pages_ = *std::move(pages);
        std::memset(pages_.data(), 1, kNumBytes);
        can_move_ = AppMemory::OfThisProcess()
                        .Share({reinterpret_cast<uint64_t>(pages_.data()), 1}, MapAccess::kReadOnly)
                        .has_value();
        // The first page stays shared, the others are not yet.
    }
    void TearDown() override {
        AppMemory::OfThisProcess().ForbidMovesForTest(false);
        client_->asked.clear();
        pages_.Reset();
        AppMemory::OfThisProcess().Sweep();
    }

    [[nodiscard]] std::span<std::byte> Bytes(uint64_t offset, uint64_t length) const {
        return {pages_.data() + offset, length};
    }

    /// Has the driver ask within a call.
    int32_t AskFor(uint64_t flags, const std::vector<std::span<std::byte>> &segments) {
        std::vector<uint64_t> scalars = {flags};
        for (const auto &segment : segments) {
            scalars.push_back(reinterpret_cast<uint64_t>(segment.data()));
            scalars.push_back(segment.size());
        }
        return Call({.selector = Selector::kAsk,
                     .scalars = scalars.data(),
                     .num_scalars = static_cast<uint32_t>(scalars.size())});
    }

    static std::vector<std::byte> Copies(int value, size_t count) {
        return std::vector<std::byte>(count, static_cast<std::byte>(value));
    }

    static constexpr uint64_t kNumBytes = 256 * kPage;
    MappedRegion pages_;
    bool can_move_ = false;
};

INSTANTIATE_TEST_SUITE_P(Ways, ClientMemoryRequestTest, kBothWays, NameOfWay);

TEST_P(ClientMemoryRequestTest, AnyOfItsSegments_IsWhatTheApplicationHas) {
    std::memset(Bytes(5000, 100).data(), 2, 100);
    std::memset(Bytes(100 * kPage, 3 * kPage).data(), 3, 3 * kPage);
    for (const uint64_t flags :
         {0UL, uint64_t{Ask::kAskWrite}, uint64_t{Ask::kAskElsewhere}, uint64_t{Ask::kAskTwice}}) {
        ASSERT_EQ(AskFor(flags, {Bytes(100 * kPage + 7, 2 * kPage), Bytes(5000, 100), Bytes(0, 1)}),
                  kSuccess);
        auto expected = Copies(3, 2 * kPage);
        expected.resize(2 * kPage + 100, std::byte{2});
        expected.push_back(std::byte{1});
        EXPECT_EQ(client_->asked_bytes, expected) << flags;
    }
}

TEST_P(ClientMemoryRequestTest, SharedMemory_IsWrittenByBoth) {
    if (!can_move_) {
        GTEST_SKIP() << "this machine allows no userfaultfd";
    }
    const auto bytes = Bytes(10 * kPage + 5, 100'000);
    for (const uint64_t more : {0UL, uint64_t{Ask::kAskElsewhere}}) {
        ASSERT_EQ(AskFor(Ask::kAskShared | Ask::kAskWrite | Ask::kAskKeep | more, {bytes}),
                  kSuccess);
        std::memset(bytes.data(), 4, bytes.size());
        EXPECT_EQ(client_->ReadAsked(), Copies(4, bytes.size()));
        const SharedSlice &slice = client_->asked.front().slice;
        std::memset(slice.region->Writable() + slice.offset, 5, 10);
        EXPECT_TRUE(std::ranges::equal(bytes.first(10), Copies(5, 10)));
    }
}

// Whatever the driver keeps is what was there, also of pages that are shared already.
TEST_P(ClientMemoryRequestTest, KeptSnapshot_DoesNotSeeLaterWrites) {
    for (const bool moves : {true, false}) {
        AppMemory::OfThisProcess().ForbidMovesForTest(!moves);
        for (const uint64_t flags :
             {uint64_t{Ask::kAskKeep}, Ask::kAskKeep | Ask::kAskWrite,
              Ask::kAskKeep | Ask::kAskElsewhere, Ask::kAskKeep | Ask::kAskTwice}) {
            for (int i = 0; i < 12; ++i) {
                std::memset(pages_.data(), 1, kNumBytes);
                ASSERT_EQ(AskFor(flags, {Bytes(0, 50 * kPage), Bytes(60 * kPage + 1, 50'000)}),
                          kSuccess);
                std::memset(pages_.data(), 2, kNumBytes);
                ASSERT_EQ(client_->ReadAsked(), Copies(1, 50 * kPage + 50'000))
                    << flags << " in call " << i << ", moves: " << moves;
            }
        }
    }
}

TEST_P(ClientMemoryRequestTest, SnapshotThenShared_AreBothTrue) {
    if (!can_move_) {
        GTEST_SKIP() << "this machine allows no userfaultfd";
    }
    const auto bytes = Bytes(0, 40 * kPage);
    ASSERT_EQ(AskFor(Ask::kAskKeep, {bytes}), kSuccess);
    const std::vector<ClientMemoryPiece> snapshot = client_->asked;
    ASSERT_EQ(AskFor(Ask::kAskShared | Ask::kAskWrite | Ask::kAskKeep, {bytes}), kSuccess);
    std::memset(bytes.data(), 9, bytes.size());
    EXPECT_EQ(client_->ReadAsked(), Copies(9, bytes.size()));
    client_->asked = snapshot;
    EXPECT_EQ(client_->ReadAsked(), Copies(1, bytes.size()));
}

// semantics.md 2.9: the driver may ask when no call is there.
TEST_P(ClientMemoryRequestTest, AskedOutsideACall_IsAnswered) {
    const ClientSegment segment = {reinterpret_cast<uint64_t>(pages_.data()) + 3, 100'000};
    const auto pieces =
        client_->AskFor({.segments = {&segment, 1}, .driver_writes = false, .is_shared = false});
    ASSERT_TRUE(pieces) << pieces.error();
    client_->asked = *pieces;
    std::memset(pages_.data(), 2, kNumBytes);
    EXPECT_EQ(client_->ReadAsked(), Copies(1, 100'000));
}

TEST_P(ClientMemoryRequestTest, MemoryThatIsNotThere_IsAPieceWithoutARegion) {
    ASSERT_EQ(mprotect(pages_.data() + 2 * kPage, kPage, PROT_NONE), 0);
    ASSERT_EQ(mprotect(pages_.data() + 4 * kPage, kPage, PROT_READ), 0);
    const uint64_t all[] = {0, Ask::kAskWrite, Ask::kAskShared, Ask::kAskShared | Ask::kAskWrite};
    for (const uint64_t flags : all) {
        for (const auto &gone : {Bytes(2 * kPage, 1), Bytes(kPage, 3 * kPage)}) {
            ASSERT_EQ(AskFor(flags, {Bytes(8 * kPage, 10), gone}), kSuccess);
            EXPECT_EQ(client_->asked.back().slice.region, nullptr) << flags;
            EXPECT_EQ(client_->asked.back().slice.length, gone.size());
        }
        ASSERT_EQ(AskFor(flags, {Bytes(4 * kPage, 100)}), kSuccess);
        const bool writes = (flags & Ask::kAskWrite) != 0;
        EXPECT_EQ(client_->asked.back().slice.region == nullptr,
                  writes || (!can_move_ && flags != 0))
            << flags;
    }
}

TEST_P(ClientMemoryRequestTest, WithoutUserfault_OnlyBornSharedMemoryIsShared) {
    AppMemory::OfThisProcess().ForbidMovesForTest(true);
    const auto fresh = Bytes(20 * kPage, 10 * kPage);
    ASSERT_EQ(AskFor(Ask::kAskShared | Ask::kAskWrite, {fresh}), kSuccess);
    EXPECT_EQ(client_->asked.front().slice.region, nullptr);
    ASSERT_EQ(AskFor(Ask::kAskKeep, {fresh}), kSuccess);
    EXPECT_EQ(client_->asked_bytes, Copies(1, fresh.size()));
    const auto address = AppMemory::OfThisProcess().Allocate(kNumBytes);
    ASSERT_TRUE(address);
    const std::span born(reinterpret_cast<std::byte *>(*address), kNumBytes);
    ASSERT_EQ(AskFor(Ask::kAskShared | Ask::kAskWrite | Ask::kAskKeep, {born}), kSuccess);
    std::memset(born.data(), 6, born.size());
    EXPECT_EQ(client_->ReadAsked(), Copies(6, born.size()));
    munmap(born.data(), born.size());
}

TEST_P(ClientMemoryRequestTest, RequestsThatAreNone_AreBadArguments) {
    const auto address = reinterpret_cast<uint64_t>(pages_.data());
    const std::vector<std::vector<ClientSegment>> all = {
        {},
        {{address, 0}},
        {{address, 10}, {UINT64_MAX - 4, 5}, {UINT64_MAX, 2}},
        {{address, 1ULL << 63}, {0, 1ULL << 63}},
        std::vector<ClientSegment>(33, {address, 1})};
    for (const auto &segments : all) {
        for (const bool is_shared : {false, true}) {
            const auto pieces = client_->AskFor(
                {.segments = segments, .driver_writes = true, .is_shared = is_shared});
            ASSERT_FALSE(pieces);
            EXPECT_EQ(pieces.error(), kIoBadArgument);
        }
    }
    EXPECT_EQ(Sum({1, 2}), 3U);
}

// From four threads, in calls and outside, while a fifth maps and unmaps what they ask for.
TEST_P(ClientMemoryRequestTest, MemoryThatComesAndGoes_IsOneOrTheOther) {
    std::atomic<bool> stop = false;
    std::jthread mapper([&] {
        for (int value = 2; !stop; value = value % 100 + 2) {
            mmap(pages_.data(), 16 * kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
                 0);
            void *again = mmap(pages_.data(), 16 * kPage, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
            std::memset(again, value, 16 * kPage);
        }
    });
    const auto address = reinterpret_cast<uint64_t>(pages_.data());
    std::vector<std::jthread> askers;
    for (uint64_t asker = 0; asker < 4; ++asker) {
        askers.emplace_back([&, asker] {
            for (int i = 0; i < 50; ++i) {
                const ClientSegment segments[] = {{address + asker * 100, 8 * kPage},
                                                  {address + 3 * kPage, 10 * kPage}};
                const auto pieces = client_->AskFor({.segments = segments,
                                                     .driver_writes = asker % 2 == 0,
                                                     .is_shared = i % 2 == 0});
                ASSERT_TRUE(pieces);
                uint64_t num_bytes = 0;
                for (const ClientMemoryPiece &piece : *pieces) {
                    num_bytes += piece.slice.length;
                    if (piece.slice.region != nullptr) {
                        const std::byte *const start =
                            piece.slice.region->ReadOnly() + piece.slice.offset;
                        ASSERT_LE(static_cast<int>(start[piece.slice.length - 1]), 101);
                    }
                }
                ASSERT_EQ(num_bytes, 18 * kPage);
            }
        });
    }
    for (int i = 0; i < 50; ++i) {
        ASSERT_EQ(Sum({1, 2}), 3U);
    }
    askers.clear();
    stop = true;
}

}  // namespace
}  // namespace opendext::channel
