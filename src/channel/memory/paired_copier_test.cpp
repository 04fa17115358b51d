// SPDX-License-Identifier: Apache-2.0
#include "channel/memory/paired_copier.h"

#include <sys/mman.h>

#include <atomic>
#include <cstring>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/mapping.h"

namespace opendext::channel {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;

std::vector<std::byte> Counting(uint64_t num_bytes) {
    std::vector<std::byte> bytes(num_bytes);
    for (uint64_t i = 0; i < num_bytes; ++i) {
        bytes[i] = static_cast<std::byte>(i * 7 >> 3);
    }
    return bytes;
}

TEST(PairedCopierTest, AnySize_IsCopiedWholeAndAnnouncedOnce) {
    PairedCopier copier;
    const auto from = Counting(9 * kMiB + 100);
    for (const uint64_t size :
         {uint64_t{0}, uint64_t{1}, kMiB, 2 * kMiB, 4 * kMiB + 77, 9 * kMiB}) {
        std::vector<std::byte> to(size + 8);
        std::atomic<int> num_announced = 0;
        EXPECT_EQ(copier.Copy(to.data() + 3, from.data() + 5, size, Stores::kStreamed,
                              [&] { ++num_announced; }),
                  size);
        EXPECT_EQ(std::memcmp(to.data() + 3, from.data() + 5, size), 0);
        EXPECT_EQ(to[size + 3], std::byte{0});
        EXPECT_EQ(num_announced, size == 0 ? 0 : 1);
    }
}

TEST(PairedCopierTest, UnreadablePages_EndTheCopyAtTheFirstOfThem) {
    PairedCopier copier;
    const size_t page = PageSize();
    auto region = MappedRegion::MapAnonymous(8 * kMiB);
    ASSERT_TRUE(region);
    std::memset(region->data(), 5, 8 * kMiB);
    std::vector<std::byte> to(8 * kMiB);
    for (const size_t first : {7 * kMiB, 5 * kMiB + 3 * page, size_t{0}}) {
        ASSERT_EQ(mprotect(region->data() + first, page, PROT_NONE), 0);
        EXPECT_EQ(copier.Copy(to.data(), region->data(), 8 * kMiB, Stores::kCached, [] {}), first);
        EXPECT_EQ(copier.Copy(region->data(), to.data(), 8 * kMiB, Stores::kStreamed, [] {}),
                  first);
    }
}

void CopyAgainAndAgain(PairedCopier &copier, std::byte value) {
    const std::vector<std::byte> from(4 * kMiB, value);
    for (int round = 0; round < 10; ++round) {
        std::vector<std::byte> to(4 * kMiB);
        EXPECT_EQ(copier.Copy(to.data(), from.data(), to.size(), Stores::kStreamed, [] {}),
                  to.size());
        EXPECT_EQ(to, from);
    }
}

TEST(PairedCopierTest, CopiesOfSeveralThreads_AreAllWhole) {
    PairedCopier copier;
    std::vector<std::thread> threads;
    for (const int value : {1, 2, 3}) {
        threads.emplace_back([&copier, value] { CopyAgainAndAgain(copier, std::byte(value)); });
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
}

TEST(PairedCopierTest, EndWithoutAnyCopy_IsQuiet) {
    const PairedCopier copier;
}

}  // namespace
}  // namespace opendext::channel
