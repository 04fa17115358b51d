// SPDX-License-Identifier: Apache-2.0
#include "base/shared_region.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace opendext {
namespace {

constexpr uint64_t kPage = 4096;

std::shared_ptr<SharedRegion> MakeRegion(uint64_t num_bytes) {
    auto region = SharedRegion::Create(num_bytes, "region-test");
    EXPECT_TRUE(region.has_value());
    return region.value_or(nullptr);
}

UniqueFd MakeMemfd(uint64_t num_bytes, int seals) {
    UniqueFd fd(memfd_create("foreign", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    EXPECT_EQ(ftruncate(fd.get(), static_cast<off_t>(num_bytes)), 0);
    EXPECT_EQ(fcntl(fd.get(), F_ADD_SEALS, seals), 0);
    return fd;
}

TEST(SharedRegion, New_IsWholePagesOfZeros) {
    const auto region = MakeRegion(5000);
    EXPECT_EQ(region->num_bytes(), 2 * kPage);
    const std::byte *bytes = region->ReadOnly();
    for (uint64_t i = 0; i < 2 * kPage; ++i) {
        ASSERT_EQ(bytes[i], std::byte{0});
    }
}

TEST(SharedRegion, EmptyOrHuge_IsRefused) {
    EXPECT_EQ(SharedRegion::Create(0, "x").error(), EINVAL);
    EXPECT_EQ(SharedRegion::Create(UINT64_MAX, "x").error(), ENOMEM);
}

TEST(SharedRegion, FileThatMayBeCutShort_IsTakenOnlyWhereThatIsAllowed) {
    EXPECT_EQ(SharedRegion::Adopt(MakeMemfd(2 * kPage, 0), 2 * kPage).error(), EINVAL);
    UniqueFd fd = MakeMemfd(2 * kPage, 0);
    const UniqueFd other(dup(fd.get()));
    const auto region = SharedRegion::Adopt(std::move(fd), 2 * kPage, CutShort::kMaybe);
    ASSERT_TRUE(region);
    EXPECT_TRUE((*region)->may_be_cut());
    (*region)->Writable()[kPage] = std::byte{3};
    ASSERT_EQ(ftruncate(other.get(), kPage), 0);
    EXPECT_EQ((*region)->ReadOnly()[kPage], std::byte{0});
}

TEST(SharedRegion, SealedFile_CannotBeCutShort) {
    const auto region =
        SharedRegion::Adopt(MakeMemfd(kPage, F_SEAL_SHRINK), kPage, CutShort::kMaybe);
    ASSERT_TRUE(region);
    EXPECT_FALSE((*region)->may_be_cut());
}

TEST(SharedRegion, WhatIsNoRegularFile_IsRefused) {
    for (const char *path : {"/dev/zero", "/dev", "/proc/self/status"}) {
        UniqueFd fd(open(path, O_RDONLY | O_CLOEXEC));
        EXPECT_FALSE(SharedRegion::Adopt(std::move(fd), 1, CutShort::kMaybe)) << path;
    }
}

TEST(SharedRegion, WholeViews_KeepTheirAddressAndShareTheirBytes) {
    const auto region = MakeRegion(kPage);
    std::byte *bytes = region->Writable();
    EXPECT_EQ(region->Writable(), bytes);
    EXPECT_NE(region->ReadOnly(), bytes);
    bytes[9] = std::byte{7};
    EXPECT_EQ(region->ReadOnly()[9], std::byte{7});
}

TEST(SharedRegion, AdoptedAgain_SeesTheSameBytes) {
    const auto region = MakeRegion(2 * kPage);
    auto adopted = SharedRegion::Adopt(UniqueFd(dup(region->ExportFd())), 5000);
    ASSERT_TRUE(adopted.has_value());
    EXPECT_EQ((*adopted)->num_bytes(), 5000U);
    region->Writable()[4999] = std::byte{3};
    EXPECT_EQ((*adopted)->ReadOnly()[4999], std::byte{3});
}

TEST(SharedRegion, AdoptOfWhatCouldFaultLater_IsRefused) {
    EXPECT_EQ(SharedRegion::Adopt(UniqueFd(), kPage).error(), EINVAL);
    EXPECT_EQ(SharedRegion::Adopt(UniqueFd(open("/dev/zero", O_RDWR | O_CLOEXEC)), kPage).error(),
              EINVAL);
    EXPECT_EQ(SharedRegion::Adopt(MakeMemfd(kPage, F_SEAL_GROW), kPage).error(), EINVAL);
    EXPECT_EQ(SharedRegion::Adopt(MakeMemfd(kPage, F_SEAL_SHRINK), kPage + 1).error(), EINVAL);
    EXPECT_EQ(SharedRegion::Adopt(MakeMemfd(kPage, F_SEAL_SHRINK), 0).error(), EINVAL);
    EXPECT_EQ(SharedRegion::Adopt(MakeMemfd(kPage, F_SEAL_SHRINK), UINT64_MAX).error(), EINVAL);
}

// A page of it that is touched when the pool is empty is a SIGBUS.
TEST(SharedRegion, AdoptOfHugePages_IsRefused) {
    UniqueFd huge(memfd_create("huge", MFD_CLOEXEC | MFD_HUGETLB | MFD_ALLOW_SEALING));
    if (!huge.is_valid() || ftruncate(huge.get(), 2 << 20) != 0 ||
        fcntl(huge.get(), F_ADD_SEALS, F_SEAL_SHRINK) != 0) {
        GTEST_SKIP() << "the system has no huge pages";
    }
    EXPECT_EQ(SharedRegion::Adopt(std::move(huge), kPage).error(), EINVAL);
}

TEST(SharedRegion, WriteSealed_CanOnlyBeRead) {
    auto region = SharedRegion::Adopt(MakeMemfd(kPage, F_SEAL_SHRINK | F_SEAL_WRITE), kPage);
    ASSERT_TRUE(region.has_value());
    EXPECT_EQ((*region)->Writable(), nullptr);
    EXPECT_FALSE((*region)->View(0, 1, MapAccess::kReadWrite).has_value());
}

TEST(SharedRegion, View_HoldsThePagesOfItsBytes) {
    const auto region = MakeRegion(8 * kPage);
    const auto view = region->View(2 * kPage + 10, kPage, MapAccess::kReadWrite);
    ASSERT_TRUE(view.has_value());
    EXPECT_EQ((*view)->offset(), 2 * kPage);
    EXPECT_EQ((*view)->num_bytes(), 2 * kPage);
    (*view)->address()[1] = std::byte{1};
    EXPECT_EQ(region->ReadOnly()[2 * kPage + 1], std::byte{1});
}

TEST(SharedRegion, ViewOutsideOrEmpty_IsRefused) {
    const auto region = MakeRegion(2 * kPage);
    EXPECT_EQ(region->View(0, 0, MapAccess::kReadOnly).error(), EINVAL);
    EXPECT_EQ(region->View(kPage, kPage + 1, MapAccess::kReadOnly).error(), EINVAL);
    EXPECT_EQ(region->View(UINT64_MAX, 2, MapAccess::kReadOnly).error(), EINVAL);
}

TEST(SharedRegion, SamePagesAndAccess_GiveTheSameView) {
    const auto region = MakeRegion(4 * kPage);
    const auto first = region->View(kPage, 10, MapAccess::kReadOnly);
    EXPECT_EQ(*region->View(kPage + 90, 4000, MapAccess::kReadOnly), *first);
    EXPECT_NE(*region->View(kPage, 10, MapAccess::kReadWrite), *first);
}

TEST(SharedRegion, CoveringView_TakesAWritableViewThatIsThere) {
    const auto region = MakeRegion(8 * kPage);
    const auto writable = region->View(kPage, 2 * kPage, MapAccess::kReadWrite);
    EXPECT_EQ(*region->CoveringView(2 * kPage, 20, MapAccess::kReadOnly), *writable);
    EXPECT_EQ(*region->CoveringView(2 * kPage + 7, 20, MapAccess::kReadWrite), *writable);
    EXPECT_EQ((*region->CoveringView(2 * kPage, 2 * kPage, MapAccess::kReadOnly))->access(),
              MapAccess::kReadOnly);
    EXPECT_EQ(region->CoveringView(8 * kPage, 1, MapAccess::kReadOnly).error(), EINVAL);
}

/// How many mappings of that memfd this process has.
ptrdiff_t NumMappings(const std::string &name) {
    std::ifstream maps("/proc/self/maps");
    ptrdiff_t count = 0;
    for (std::string line; std::getline(maps, line);) {
        count += line.find("memfd:" + name) != std::string::npos ? 1 : 0;
    }
    return count;
}

TEST(SharedRegion, ManyViewsInTurn_DoNotPileUp) {
    const auto region = MakeRegion(64 * kPage);
    const std::byte *last = nullptr;
    for (uint64_t i = 0; i < 64; ++i) {
        last = (*region->View(i * kPage, 1, MapAccess::kReadOnly))->address();
    }
    EXPECT_LE(NumMappings("region-test"), 16);
    EXPECT_EQ((*region->View(63 * kPage, 1, MapAccess::kReadOnly))->address(), last);
}

TEST(SharedRegion, ThousandViewsInUse_AreEachFoundAgain) {
    const auto region = MakeRegion(2000 * kPage);
    std::vector<std::shared_ptr<const RegionView>> views;
    for (uint64_t i = 0; i < 1000; ++i) {
        views.push_back(*region->View(2 * i * kPage, kPage, MapAccess::kReadWrite));
    }
    for (uint64_t i = 0; i < 1000; ++i) {
        ASSERT_EQ(*region->View(2 * i * kPage + 7, 1, MapAccess::kReadWrite), views[i]);
        ASSERT_EQ(*region->CoveringView(2 * i * kPage, 9, MapAccess::kReadOnly), views[i]);
    }
    views.clear();
    EXPECT_LE(NumMappings("region-test"), 16);
}

TEST(SharedRegion, View_OutlivesItsRegion) {
    auto region = MakeRegion(kPage);
    const auto view = region->View(0, 1, MapAccess::kReadWrite);
    region.reset();
    (*view)->address()[0] = std::byte{1};
    EXPECT_EQ((*view)->address()[0], std::byte{1});
}

struct EndCounter final : RegionEndListener {
    void OnRegionEnd(const SharedRegion *region) override { ended.push_back(region); }
    std::vector<const SharedRegion *> ended;
};

TEST(SharedRegion, End_IsToldOnceToEachListenerThatIsThere) {
    auto region = MakeRegion(kPage);
    const SharedRegion *const name = region.get();
    const auto listener = std::make_shared<EndCounter>();
    region->AddEndListener(listener);
    region->AddEndListener(listener);
    region->AddEndListener(std::make_shared<EndCounter>());
    EXPECT_TRUE(listener->ended.empty());
    region.reset();
    EXPECT_EQ(listener->ended, std::vector{name});
}

TEST(SharedRegion, ViewsFromManyThreads_Agree) {
    const auto region = MakeRegion(16 * kPage);
    const auto kept = region->View(0, 1, MapAccess::kReadWrite);
    std::atomic<int> num_failures = 0;
    std::vector<std::thread> threads;
    for (uint64_t t = 0; t < 4; ++t) {
        threads.emplace_back([&, t] {
            for (uint64_t i = 0; i < 500; ++i) {
                const auto view = region->View((i + t) % 16 * kPage, 1, MapAccess::kReadOnly);
                num_failures += !view.has_value() || (*view)->address()[0] != std::byte{0};
                num_failures += *region->View(0, 1, MapAccess::kReadWrite) != *kept;
                num_failures += region->Writable() == nullptr;
            }
        });
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
    EXPECT_EQ(num_failures, 0);
}

}  // namespace
}  // namespace opendext
