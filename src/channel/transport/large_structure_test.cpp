// SPDX-License-Identifier: Apache-2.0
// Structures that do not fit into a call slot, by size and reuse, over both ways to a user client.
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <algorithm>
#include <atomic>
#include <cstring>
#include <span>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/mapping.h"
#include "base/unique_fd.h"
#include "channel/memory/app_memory.h"
#include "channel/transport/recent_ranges.h"
#include "channel/transport/testing/connection_fixture.h"

namespace opendext::channel {
namespace {

constexpr uint64_t kKiB = 1024;
constexpr uint64_t kMiB = 1024 * kKiB;

class LargeStructureTest : public ConnectionTest {
protected:
    void SetUp() override {
        ConnectionTest::SetUp();
        can_move_ =
            AppMemory::OfThisProcess()
                .Share({reinterpret_cast<uint64_t>(Fresh(1).data()), 1}, MapAccess::kReadOnly)
                .has_value();
    }
    void TearDown() override {
        AppMemory::OfThisProcess().ForbidMovesForTest(false);
        AppMemory::OfThisProcess().Sweep();
    }

    /// Pages that nobody has passed yet; they are there until the test ends.
    std::span<std::byte> Fresh(uint64_t num_bytes, int fill = 0) {
        auto pages = MappedRegion::MapAnonymous(num_bytes);
        EXPECT_TRUE(pages);
        pages_.push_back(*std::move(pages));
        std::memset(pages_.back().data(), fill, num_bytes);
        return {pages_.back().data(), num_bytes};
    }

    int32_t Send(Selector selector, std::span<const std::byte> in) {
        return Call(
            {.selector = selector, .structure = in.data(), .num_structure_bytes = in.size()});
    }
    int32_t Receive(Selector selector, std::span<std::byte> out) {
        uint64_t num_out = out.size();
        return Call({.selector = selector,
                     .structure_output = out.data(),
                     .num_structure_output = &num_out});
    }
    int32_t Echo(std::span<const std::byte> in, std::span<std::byte> out) {
        uint64_t num_out = out.size();
        return Call({.selector = Selector::kEcho,
                     .structure = in.data(),
                     .num_structure_bytes = in.size(),
                     .structure_output = out.data(),
                     .num_structure_output = &num_out});
    }

    /// Passes `bytes` until it is the pages themselves that the driver gets. Its last slice of them.
    SharedSlice ShareByUse(std::span<std::byte> bytes, bool is_output = false) {
        for (int i = 0; i < 20; ++i) {
            EXPECT_EQ(is_output ? Receive(Selector::kLook, bytes) : Send(Selector::kLook, bytes),
                      kSuccess);
        }
        const SharedSlice slice =
            is_output ? client_->kept_outputs.back() : client_->kept_inputs.back();
        client_->kept_inputs.clear();
        client_->kept_outputs.clear();
        return slice;
    }

    static std::span<std::byte> BytesOf(const SharedSlice &slice) {
        return {slice.region->Writable() + slice.offset, slice.length};
    }
    static bool AreAll(std::span<const std::byte> bytes, int value) {
        return std::ranges::all_of(
            bytes, [value](std::byte byte) { return byte == static_cast<std::byte>(value); });
    }

    bool can_move_ = false;

private:
    std::vector<MappedRegion> pages_;
};

INSTANTIATE_TEST_SUITE_P(Ways, LargeStructureTest, kBothWays, NameOfWay);

TEST_P(LargeStructureTest, BufferOfAnySizeUsedAgain_CarriesWhatItHoldsNow) {
    for (const bool moves : {true, false}) {
        AppMemory::OfThisProcess().ForbidMovesForTest(!moves);
        for (const uint64_t size :
             {4097UL, 32 * kKiB - 1, 32 * kKiB, 100'001UL, kMiB, 3 * kMiB + 5}) {
            const auto in = Fresh(size + 3).subspan(3);
            const auto out = Fresh(size + 4001).subspan(4001);
            for (int i = 1; i <= 12; ++i) {
                std::memset(in.data(), i, size);
                ASSERT_EQ(Echo(in, out), kSuccess) << size;
                ASSERT_TRUE(AreAll(out, i)) << size << " in call " << i << ", moves: " << moves;
            }
        }
    }
}

TEST_P(LargeStructureTest, InputUsedOnce_IsACopy) {
    const auto bytes = Fresh(kMiB, 1);
    ASSERT_EQ(Send(Selector::kLook, bytes), kSuccess);
    std::memset(bytes.data(), 2, kMiB);
    EXPECT_TRUE(AreAll(BytesOf(client_->kept_inputs.back()), 1));
}

TEST_P(LargeStructureTest, ReusedBuffer_IsNotCopiedAgain) {
    if (!can_move_) {
        GTEST_SKIP() << "this machine allows no userfaultfd";
    }
    const auto in = Fresh(kMiB, 1);
    const SharedSlice input = ShareByUse(in);
    std::memset(in.data(), 2, kMiB);
    EXPECT_TRUE(AreAll(BytesOf(input), 2));
    const auto out = Fresh(kMiB, 1);
    const SharedSlice output = ShareByUse(out, true);
    std::memset(BytesOf(output).data(), 3, kMiB);
    EXPECT_TRUE(AreAll(out, 3));
}

TEST_P(LargeStructureTest, BufferAboveTheLargestCopied_IsNotCopiedAtAll) {
    if (!can_move_) {
        GTEST_SKIP() << "this machine allows no userfaultfd";
    }
    const auto in = Fresh(RecentRanges::kLargestCopied + 1, 1);
    ASSERT_EQ(Send(Selector::kLook, in), kSuccess);
    in.back() = std::byte{2};
    EXPECT_EQ(BytesOf(client_->kept_inputs.back()).back(), std::byte{2});
}

TEST_P(LargeStructureTest, AllocatedMemory_IsSharedFromTheFirstCall) {
    const auto address = AppMemory::OfThisProcess().Allocate(kMiB);
    ASSERT_TRUE(address);
    const std::span bytes(reinterpret_cast<std::byte *>(*address), kMiB);
    AppMemory::OfThisProcess().ForbidMovesForTest(true);
    ASSERT_EQ(Send(Selector::kLook, bytes), kSuccess);
    std::memset(bytes.data(), 7, kMiB);
    EXPECT_TRUE(AreAll(BytesOf(client_->kept_inputs.back()), 7));
    munmap(bytes.data(), kMiB);
}

// semantics.md 2.4: a snapshot. Neither the application's later writes nor a later call change it.
TEST_P(LargeStructureTest, KeptInput_StaysWhatItWas) {
    for (const bool moves : {true, false}) {
        AppMemory::OfThisProcess().ForbidMovesForTest(!moves);
        const auto bytes = Fresh(200'000, 1);
        for (int i = 1; i <= 12; ++i) {
            std::memset(bytes.data(), i, bytes.size());
            ASSERT_EQ(Send(Selector::kKeep, bytes), kSuccess);
        }
        std::memset(bytes.data(), 100, bytes.size());
        ASSERT_EQ(client_->kept_inputs.size(), 12U);
        for (int i = 1; i <= 12; ++i) {
            EXPECT_TRUE(AreAll(BytesOf(client_->kept_inputs[static_cast<size_t>(i) - 1]), i)) << i;
        }
        EXPECT_TRUE(AreAll(bytes, 100));
        client_->kept_inputs.clear();
    }
}

// semantics.md 2.9: a device that goes on reading reaches the application's own pages.
TEST_P(LargeStructureTest, InputKeptForADevice_ShowsWhatTheApplicationWritesLater) {
    if (!can_move_) {
        GTEST_SKIP() << "this machine allows no userfaultfd";
    }
    for (const uint64_t size : {5000UL, 100'001UL, kMiB}) {
        const auto room = Fresh(size + 8192, 1);
        const auto bytes = room.subspan(123, size);
        // The first time it is a copy, later the pages themselves.
        for (int i = 2; i < 6; ++i) {
            std::memset(bytes.data(), i, size);
            ASSERT_EQ(Send(Selector::kKeepForDevice, bytes), kSuccess);
            EXPECT_TRUE(AreAll(BytesOf(client_->kept_inputs.back()), i));
            std::memset(bytes.data(), 50 + i, size);
            EXPECT_TRUE(AreAll(BytesOf(client_->kept_inputs.back()), 50 + i)) << size << " " << i;
        }
        EXPECT_TRUE(AreAll(room.first(123), 1));
        EXPECT_TRUE(AreAll(room.subspan(123 + size), 1));
        // A buffer that was shared by use before.
        const auto reused = Fresh(size, 1);
        (void)ShareByUse(reused);
        ASSERT_EQ(Send(Selector::kKeepForDevice, reused), kSuccess);
        std::memset(reused.data(), 9, size);
        EXPECT_TRUE(AreAll(BytesOf(client_->kept_inputs.back()), 9)) << size;
        client_->kept_inputs.clear();
    }
}

TEST_P(LargeStructureTest, InputThatIsAFileKeptForADevice_IsTheFile) {
    for (const uint64_t size : {5000UL, 100'001UL}) {
        const UniqueFd fd(memfd_create("input", MFD_CLOEXEC));
        ASSERT_EQ(ftruncate(fd.get(), static_cast<off_t>(size)), 0);
        auto file = MappedRegion::Map(fd.get(), 0, size, MapAccess::kReadWrite);
        ASSERT_TRUE(file);
        const std::span bytes(file->data(), size);
        for (int i = 2; i < 5; ++i) {
            std::memset(bytes.data(), i, size);
            ASSERT_EQ(Send(Selector::kKeepForDevice, bytes), kSuccess);
            EXPECT_TRUE(AreAll(BytesOf(client_->kept_inputs.back()), i));
            std::memset(bytes.data(), 50 + i, size);
            EXPECT_TRUE(AreAll(BytesOf(client_->kept_inputs.back()), 50 + i)) << size << " " << i;
        }
        client_->kept_inputs.clear();
    }
}

TEST_P(LargeStructureTest, InputKeptForADeviceThatCannotBeShared_IsACopy) {
    AppMemory::OfThisProcess().ForbidMovesForTest(true);
    const auto bytes = Fresh(100'000, 1);
    ASSERT_EQ(Send(Selector::kKeepForDevice, bytes), kSuccess);
    std::memset(bytes.data(), 2, bytes.size());
    EXPECT_TRUE(AreAll(BytesOf(client_->kept_inputs.back()), 1));
    ASSERT_EQ(Send(Selector::kKeepForDevice, bytes), kSuccess);
    EXPECT_TRUE(AreAll(BytesOf(client_->kept_inputs.back()), 2));
}

// semantics.md 2.4: it is the application's memory, whatever the way it got there.
TEST_P(LargeStructureTest, KeptOutput_IsSeenByTheApplicationLater) {
    if (!can_move_) {
        GTEST_SKIP() << "this machine allows no userfaultfd";
    }
    const auto bytes = Fresh(200'000, 1);
    ASSERT_EQ(Receive(Selector::kKeep, bytes.subspan(100, 150'000)), kSuccess);
    const SharedSlice first = client_->kept_outputs.back();
    std::memset(BytesOf(first).data(), 2, first.length);
    EXPECT_TRUE(AreAll(bytes.first(100), 1));
    EXPECT_TRUE(AreAll(bytes.subspan(100, 150'000), 2));
    EXPECT_TRUE(AreAll(bytes.subspan(150'100), 1));
    ASSERT_EQ(Receive(Selector::kKeep, bytes.subspan(100, 150'000)), kSuccess);
    std::memset(BytesOf(first).data(), 3, first.length);
    EXPECT_TRUE(AreAll(bytes.subspan(100, 150'000), 3));
    EXPECT_TRUE(AreAll(BytesOf(client_->kept_outputs.back()), 3));
}

TEST_P(LargeStructureTest, KeptOutputThatWasSharedInPart_IsSeenByTheApplicationLater) {
    if (!can_move_) {
        GTEST_SKIP() << "this machine allows no userfaultfd";
    }
    const auto bytes = Fresh(200'000, 1);
    (void)ShareByUse(bytes.subspan(20'480, 65'536));
    (void)ShareByUse(bytes.subspan(100'000, 50'000));
    ASSERT_EQ(Receive(Selector::kKeep, bytes.subspan(100, 150'000)), kSuccess);
    const SharedSlice kept = client_->kept_outputs.back();
    EXPECT_TRUE(AreAll(BytesOf(kept), 1));
    std::memset(BytesOf(kept).data(), 2, kept.length);
    EXPECT_TRUE(AreAll(bytes.first(100), 1));
    EXPECT_TRUE(AreAll(bytes.subspan(100, 150'000), 2));
    EXPECT_TRUE(AreAll(bytes.subspan(150'100), 1));
}

// An address says nothing: what is mapped there now is what counts.
TEST_P(LargeStructureTest, BufferMappedAnew_IsNeverSentStale) {
    const auto bytes = Fresh(kMiB, 1);
    const auto out = Fresh(kMiB);
    (void)ShareByUse(bytes);
    for (int i = 2; i < 40; ++i) {
        ASSERT_NE(mmap(bytes.data(), kMiB, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
                  MAP_FAILED);
        std::memset(bytes.data(), i, kMiB);
        ASSERT_EQ(Echo(bytes, out), kSuccess);
        ASSERT_TRUE(AreAll(out, i)) << i;
    }
}

TEST_P(LargeStructureTest, HalfOfAReusedBufferMappedAnew_IsSentAsItIsNow) {
    const auto bytes = Fresh(kMiB, 1);
    const auto out = Fresh(kMiB);
    for (int i = 0; i < 6; ++i) {
        (void)ShareByUse(bytes);
        std::byte *const half = bytes.data() + static_cast<size_t>(i) * 64 * kKiB;
        ASSERT_NE(mmap(half, 64 * kKiB, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
                  MAP_FAILED);
        std::memset(half, 50 + i, 64 * kKiB);
        ASSERT_EQ(Echo(bytes, out), kSuccess);
        ASSERT_EQ(std::memcmp(bytes.data(), out.data(), kMiB), 0) << i;
    }
}

TEST_P(LargeStructureTest, OutputThatIsTheInput_IsWrittenInPlace) {
    for (const int64_t shift : {0, 1, 5000, -5000}) {
        const auto room = Fresh(300'000);
        const auto in = room.subspan(20'000, 200'000);
        const auto out = room.subspan(static_cast<size_t>(20'000 + shift), 200'000);
        for (int i = 1; i <= 12; ++i) {
            std::memset(room.data(), 200, room.size());
            std::memset(in.data(), i, in.size());
            ASSERT_EQ(Echo(in, out), kSuccess);
            ASSERT_TRUE(AreAll(out, i)) << shift << " in call " << i;
        }
    }
}

TEST_P(LargeStructureTest, ReusedBufferThatBecameReadOnly_IsAVmErrorAsOutput) {
    const auto bytes = Fresh(kMiB, 1);
    (void)ShareByUse(bytes, true);
    ASSERT_EQ(mprotect(bytes.data(), kMiB, PROT_READ), 0);
    EXPECT_EQ(Receive(Selector::kLeaveOutput, bytes), kIoVmError);
    EXPECT_TRUE(AreAll(bytes, 1));
    const auto out = Fresh(kMiB);
    EXPECT_EQ(Echo(bytes, out), kSuccess);
    EXPECT_TRUE(AreAll(out, 1));
}

// A fork takes shared pages back, but not those that a driver is about to write to.
TEST_P(LargeStructureTest, OutputWhileAnotherThreadForks_Arrives) {
    std::atomic<bool> is_over = false;
    std::thread forker([&] {
        while (!is_over) {
            const pid_t child = fork();
            if (child == 0) {
                _exit(0);
            }
            waitpid(child, nullptr, 0);
        }
    });
    const std::span<std::byte> in = Fresh(256 * kKiB);
    const std::span<std::byte> out = Fresh(256 * kKiB);
    for (int round = 1; round <= 150; ++round) {
        std::memset(in.data(), round, in.size());
        std::memset(out.data(), 0, out.size());
        ASSERT_EQ(Echo(in, out), kSuccess);
        if (!std::ranges::equal(in, out)) {
            const auto [bad, good] = std::ranges::mismatch(out, in);
            ADD_FAILURE() << "round " << round << ": the output has " << static_cast<int>(*bad)
                          << " at " << bad - out.begin() << ", the driver wrote "
                          << static_cast<int>(*good);
            break;
        }
    }
    is_over = true;
    forker.join();
}

TEST_P(LargeStructureTest, ThreadsWithBuffersOfTheirOwn_GetTheirOwnBytes) {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread) {
        const auto in = Fresh(300'000);
        const auto out = Fresh(300'000);
        threads.emplace_back([this, thread, in, out] {
            for (int i = 0; i < 60; ++i) {
                const size_t size = 5000 + static_cast<size_t>(i % 3) * 100'000;
                std::memset(in.data(), thread * 60 + i, size);
                ASSERT_EQ(Echo(in.first(size), out.first(size)), kSuccess);
                ASSERT_TRUE(AreAll(out.first(size), thread * 60 + i));
            }
        });
    }
}

}  // namespace
}  // namespace opendext::channel
