// SPDX-License-Identifier: Apache-2.0
#include "base/region_pool.h"

#include <sys/resource.h>
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#if __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#endif

namespace opendext {
namespace {

constexpr uint64_t kPage = 4096;

std::shared_ptr<SharedRegion> TakeFrom(RegionPool &pool, uint64_t num_bytes = kPage) {
    auto region = pool.Take(num_bytes);
    EXPECT_TRUE(region.has_value());
    return region.value_or(nullptr);
}

/// Uses the region as a buffer is used. @return where it was mapped.
std::byte *Fill(SharedRegion &region) {
    const auto view = region.View(0, region.num_bytes(), MapAccess::kReadWrite);
    EXPECT_TRUE(view.has_value());
    std::fill_n((*view)->address(), region.num_bytes(), std::byte{0xEE});
    return (*view)->address();
}

/// Lets `count` regions go, twice: afterwards the pool keeps that many.
void WarmUp(RegionPool &pool, size_t count, uint64_t num_bytes = kPage) {
    for (int round = 0; round < 2; ++round) {
        std::vector<std::shared_ptr<SharedRegion>> regions;
        for (size_t i = 0; i < count; ++i) {
            regions.push_back(TakeFrom(pool, num_bytes));
            Fill(*regions.back());
        }
    }
}

size_t NumOpenFiles() {
    const std::filesystem::directory_iterator files("/proc/self/fd");
    return static_cast<size_t>(std::distance(begin(files), end(files)));
}

TEST(RegionPool, RegionAskedForAgain_IsTheOneLetGoFilledWithZeros) {
    const auto pool = RegionPool::Create("pool-test");
    WarmUp(*pool, 1, 3 * kPage);
    EXPECT_EQ(pool->num_kept(), 1U);
    auto region = TakeFrom(*pool, 3 * kPage);
    EXPECT_EQ(pool->num_kept(), 0U);
    const std::byte *former = Fill(*region);
    region.reset();
    const auto again = TakeFrom(*pool, 2 * kPage + 1);
    const auto view = again->View(0, 3 * kPage, MapAccess::kReadWrite);
    ASSERT_TRUE(view.has_value());
    EXPECT_EQ((*view)->address(), former);
    EXPECT_TRUE(std::ranges::all_of(std::span((*view)->address(), 3 * kPage),
                                    [](std::byte each) { return each == std::byte{0}; }));
}

TEST(RegionPool, SizeThatNobodyAskedForAgain_IsNotKept) {
    const auto pool = RegionPool::Create("pool-test");
    for (uint64_t pages = 1; pages <= RegionPool::kLargestKeptPages; ++pages) {
        Fill(*TakeFrom(*pool, pages * kPage));
    }
    EXPECT_EQ(pool->num_kept(), 0U);
}

TEST(RegionPool, ExportedRegion_IsNeverUsedAgain) {
    const auto pool = RegionPool::Create("pool-test");
    WarmUp(*pool, 1);
    auto region = TakeFrom(*pool);
    Fill(*region);
    EXPECT_GE(region->ExportFd(), 0);
    region.reset();
    EXPECT_EQ(pool->num_kept(), 0U);
}

TEST(RegionPool, RegionWhoseViewIsStillInUse_IsNotKept) {
    const auto pool = RegionPool::Create("pool-test");
    WarmUp(*pool, 1);
    auto region = TakeFrom(*pool);
    const auto view = region->View(0, kPage, MapAccess::kReadWrite);
    ASSERT_TRUE(view.has_value());
    region.reset();
    EXPECT_EQ(pool->num_kept(), 0U);
    (*view)->address()[0] = std::byte{1};
}

TEST(RegionPool, RegionWithFurtherViews_IsNotKept) {
    const auto pool = RegionPool::Create("pool-test");
    WarmUp(*pool, 1);
    auto region = TakeFrom(*pool);
    Fill(*region);
    EXPECT_TRUE(region->View(0, kPage, MapAccess::kReadOnly).has_value());
    region.reset();
    EXPECT_EQ(pool->num_kept(), 0U);
}

TEST(RegionPool, ManyRegions_NeverKeepsMoreThanTheLimits) {
    const auto pool = RegionPool::Create("pool-test");
    WarmUp(*pool, RegionPool::kMostKept);
    EXPECT_EQ(pool->num_kept(), RegionPool::kMostKept);
    const auto large = RegionPool::Create("pool-test");
    WarmUp(*large, RegionPool::kMostKept, RegionPool::kLargestKeptPages * kPage);
    EXPECT_EQ(large->num_kept(), RegionPool::kMostKeptPages / RegionPool::kLargestKeptPages);
    const auto none = RegionPool::Create("pool-test");
    WarmUp(*none, 4, (RegionPool::kLargestKeptPages + 1) * kPage);
    EXPECT_EQ(none->num_kept(), 0U);
}

TEST(RegionPool, ManyLetGoInARow_AllGoesBackToTheSystem) {
    const auto pool = RegionPool::Create("pool-test");
    WarmUp(*pool, 3);
    const size_t before = NumOpenFiles();
    {
        std::vector<std::shared_ptr<SharedRegion>> regions;
        for (size_t i = 0; i < 500; ++i) {
            regions.push_back(TakeFrom(*pool));
            Fill(*regions.back());
        }
    }
    EXPECT_EQ(pool->num_kept(), 0U);
    EXPECT_EQ(NumOpenFiles(), before - 3);
}

TEST(RegionPool, Region_OutlivesItsPool) {
    auto pool = RegionPool::Create("pool-test");
    const auto region = TakeFrom(*pool);
    pool.reset();
    Fill(*region);
}

TEST(RegionPool, NoMoreFiles_RaisesTheSoftLimit) {
    rlimit limit = {};
    ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    const rlimit lower = {NumOpenFiles() + 8, limit.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &lower), 0);
    const auto pool = RegionPool::Create("pool-test");
    std::vector<std::shared_ptr<SharedRegion>> regions;
    for (int i = 0; i < 30; ++i) {
        regions.push_back(TakeFrom(*pool));
    }
    rlimit now = {};
    EXPECT_EQ(getrlimit(RLIMIT_NOFILE, &now), 0);
    EXPECT_EQ(now.rlim_cur, limit.rlim_max);
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

TEST(RegionPool, FromManyThreads_NoRegionIsGivenTwice) {
    const auto pool = RegionPool::Create("pool-test");
    std::atomic<int> num_failures = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&, t] {
            for (int i = 0; i < 500; ++i) {
                const auto region = pool->Take((1 + (i + t) % 3) * kPage);
                const auto view = (*region)->View(0, (*region)->num_bytes(), MapAccess::kReadWrite);
                std::byte *bytes = (*view)->address();
                num_failures += bytes[0] != std::byte{0};
                bytes[0] = static_cast<std::byte>(t + 1);
                std::this_thread::yield();
                num_failures += bytes[0] != static_cast<std::byte>(t + 1);
            }
        });
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
    EXPECT_EQ(num_failures, 0);
}

#if __has_feature(address_sanitizer)
TEST(RegionPool, KeptRegion_IsPoisonedUntilItIsGivenOutAgain) {
    const auto pool = RegionPool::Create("pool-test");
    WarmUp(*pool, 1);
    std::byte *bytes = Fill(*TakeFrom(*pool));
    ASSERT_EQ(pool->num_kept(), 1U);
    EXPECT_TRUE(__asan_address_is_poisoned(bytes));
    EXPECT_TRUE(__asan_address_is_poisoned(bytes + kPage - 1));
    const auto region = TakeFrom(*pool);
    EXPECT_FALSE(__asan_address_is_poisoned(bytes));
    EXPECT_EQ(Fill(*region), bytes);
}
#endif

}  // namespace
}  // namespace opendext
