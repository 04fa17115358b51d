// SPDX-License-Identifier: Apache-2.0
#include "base/cut_file.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/mapping.h"
#include "base/unique_fd.h"

namespace opendext {
namespace {

class CutFile : public testing::Test {
protected:
    void SetUp() override {
        ASSERT_EQ(ftruncate(fd_.get(), static_cast<off_t>(kNumBytes)), 0);
        void *const mapped =
            mmap(nullptr, kNumBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd_.get(), 0);
        ASSERT_NE(mapped, MAP_FAILED);
        bytes_ = static_cast<std::byte *>(mapped);
        std::fill_n(bytes_, kNumBytes, std::byte{7});
    }
    void TearDown() override { munmap(bytes_, kNumBytes); }

    [[nodiscard]] std::byte Read(size_t page) const {
        return *const_cast<const volatile std::byte *>(bytes_ + page * PageSize() + 5);
    }
    void Cut(size_t num_pages) {
        ASSERT_EQ(ftruncate(fd_.get(), static_cast<off_t>(num_pages * PageSize())), 0);
    }

    const size_t kNumPages = 8;
    const size_t kNumBytes = kNumPages * PageSize();
    const UniqueFd fd_{memfd_create("cut", MFD_CLOEXEC)};
    std::byte *bytes_ = nullptr;
};

TEST_F(CutFile, PageThatIsGone_ReadsAsZeros) {
    const auto watch = WatchedPages::Watch(bytes_, kNumBytes);
    ASSERT_TRUE(watch);
    Cut(3);
    EXPECT_EQ(Read(2), std::byte{7});
    EXPECT_EQ(Read(3), std::byte{0});
    EXPECT_EQ(Read(7), std::byte{0});
}

TEST_F(CutFile, WhatIsWrittenToIt_StaysHere) {
    const auto watch = WatchedPages::Watch(bytes_, kNumBytes);
    ASSERT_TRUE(watch);
    Cut(1);
    bytes_[4 * PageSize() + 5] = std::byte{9};
    EXPECT_EQ(Read(4), std::byte{9});
    Cut(kNumPages);
    std::byte in_file{1};
    ASSERT_EQ(pread(fd_.get(), &in_file, 1, static_cast<off_t>(4 * PageSize() + 5)), 1);
    EXPECT_EQ(in_file, std::byte{0});
}

TEST_F(CutFile, ThreadsThatFindIt_AllGoOn) {
    const auto watch = WatchedPages::Watch(bytes_, kNumBytes);
    ASSERT_TRUE(watch);
    Cut(0);
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([this] {
            for (size_t page = 0; page < kNumPages; ++page) {
                EXPECT_EQ(Read(page), std::byte{0});
            }
        });
    }
}

TEST_F(CutFile, PagesThatNobodyWatches_EndTheProcess) {
    { const auto watch = WatchedPages::Watch(bytes_, PageSize()); }
    Cut(0);
    EXPECT_DEATH(static_cast<void>(Read(0)), "");
}

TEST_F(CutFile, MoreRangesThanThereIsRoomFor_AreRefused) {
    std::vector<WatchedPages> all;
    for (size_t i = 0; i < WatchedPages::kMaxRanges; ++i) {
        auto watch = WatchedPages::Watch(bytes_, PageSize());
        ASSERT_TRUE(watch);
        all.push_back(*std::move(watch));
    }
    EXPECT_FALSE(WatchedPages::Watch(bytes_, PageSize()));
    all.pop_back();
    EXPECT_TRUE(WatchedPages::Watch(bytes_, PageSize()));
}

}  // namespace
}  // namespace opendext
