// SPDX-License-Identifier: Apache-2.0
#include "channel/memory/safe_copy.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csetjmp>
#include <csignal>
#include <cstring>
#include <thread>
#include <vector>

#include "base/mapping.h"
#include "channel/memory/fault_handler.h"

namespace opendext::channel {
namespace {

class SafeCopyTest : public testing::TestWithParam<Stores> {};

INSTANTIATE_TEST_SUITE_P(Stores, SafeCopyTest, testing::Values(Stores::kCached, Stores::kStreamed),
                         [](const auto &tested) {
                             return tested.param == Stores::kCached ? "Cached" : "Streamed";
                         });

TEST_P(SafeCopyTest, AccessibleBytes_AreCopiedWhatTheAlignment) {
    std::vector<char> from(70'000);
    for (size_t i = 0; i < from.size(); ++i) {
        from[i] = static_cast<char>(i * 7);
    }
    for (const size_t size : {0UL, 1UL, 63UL, 127UL, 128UL, 129UL, 200UL, 4095UL, 65'537UL}) {
        for (const size_t offset : {0UL, 1UL, 15UL, 63UL}) {
            std::vector<char> to(70'064, 'x');
            EXPECT_EQ(CopyBytes(to.data() + offset, from.data() + 3, size, GetParam()), size);
            EXPECT_EQ(std::memcmp(to.data() + offset, from.data() + 3, size), 0);
            EXPECT_EQ(std::count(to.begin() + static_cast<ptrdiff_t>(offset + size), to.end(), 'x'),
                      static_cast<ptrdiff_t>(to.size() - offset - size));
        }
    }
}

TEST_P(SafeCopyTest, Copy_EndsAtTheFirstByteThatCannotBeReached) {
    const size_t page = PageSize();
    auto region = MappedRegion::MapAnonymous(3 * page);
    ASSERT_TRUE(region);
    std::memset(region->data(), 5, 3 * page);
    ASSERT_EQ(mprotect(region->data() + 2 * page, page, PROT_NONE), 0);
    std::vector<std::byte> other(3 * page, std::byte{1});
    const auto copy = [](void *to, const void *from, size_t num_bytes) {
        return CopyBytes(to, from, num_bytes, GetParam());
    };
    EXPECT_EQ(copy(other.data(), region->data() + 10, 3 * page - 10), 2 * page - 10);
    EXPECT_EQ(other[2 * page - 11], std::byte{5});
    EXPECT_EQ(copy(region->data() + 10, other.data(), 3 * page - 10), 2 * page - 10);
    EXPECT_EQ(copy(other.data(), reinterpret_cast<const void *>(uintptr_t{8}), 100), 0U);
    EXPECT_EQ(copy(other.data(), reinterpret_cast<const void *>(uintptr_t{8}), 1000), 0U);
}

TEST_P(SafeCopyTest, ManyPages_AreCopiedUpToTheOneThatCannotBeReached) {
    const size_t page = PageSize();
    constexpr size_t kNumPages = 13;
    std::vector<std::byte> other(kNumPages * page);
    for (size_t i = 0; i < other.size(); ++i) {
        other[i] = static_cast<std::byte>(i * 7 >> 3);
    }
    for (size_t missing = 0; missing <= kNumPages; ++missing) {
        auto region = MappedRegion::MapAnonymous((kNumPages + 1) * page);
        ASSERT_TRUE(region);
        std::memcpy(region->data(), other.data(), other.size());
        ASSERT_EQ(mprotect(region->data() + missing * page, page, PROT_NONE), 0);
        const size_t expected = missing * page;
        std::vector<std::byte> copied(other.size() + 100);
        for (const size_t offset : {0UL, 72UL}) {
            const size_t reached = std::max(expected, offset) - offset;
            EXPECT_EQ(CopyBytes(copied.data() + 40, region->data() + offset, other.size() - offset,
                                GetParam()),
                      reached)
                << missing;
            EXPECT_EQ(std::memcmp(copied.data() + 40, other.data() + offset, reached), 0);
        }
        EXPECT_EQ(CopyBytes(region->data(), other.data(), other.size(), GetParam()), expected);
    }
}

// Where userfaultfd is not allowed.
TEST_P(SafeCopyTest, CopyToPagesThatAreBeingMoved_WaitsForThem) {
    const size_t page = PageSize();
    auto region = MappedRegion::MapAnonymous(page);
    ASSERT_TRUE(region);
    const std::vector<std::byte> from(page, std::byte{3});
    InstallFaultHandler();
    const auto start = reinterpret_cast<uint64_t>(region->data());
    WriteGate::Close(start, start + page);
    ASSERT_EQ(mprotect(region->data(), page, PROT_READ), 0);
    uint64_t num_copied = 0;
    std::atomic<bool> has_started = false;
    std::thread writer([&] {
        has_started = true;
        num_copied = CopyBytes(region->data(), from.data(), page, GetParam());
    });
    for (int i = 0; i < 1000 || !has_started; ++i) {
        std::this_thread::yield();
    }
    mprotect(region->data(), page, PROT_READ | PROT_WRITE);
    WriteGate::Open();
    writer.join();
    EXPECT_EQ(num_copied, page);
    EXPECT_EQ(region->data()[page - 1], std::byte{3});
}

TEST_P(SafeCopyTest, ThreadThatBlocksSignals_IsStoppedAsWell) {
    auto region = MappedRegion::MapAnonymous(PageSize());
    ASSERT_TRUE(region && mprotect(region->data(), PageSize(), PROT_NONE) == 0);
    std::thread([&] {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_BLOCK, &all, nullptr);
        std::vector<std::byte> to(PageSize());
        EXPECT_EQ(CopyBytes(to.data(), region->data(), PageSize(), GetParam()), 0U);
        sigset_t now;
        pthread_sigmask(SIG_BLOCK, nullptr, &now);
        EXPECT_TRUE(sigismember(&now, SIGSEGV) == 1 && sigismember(&now, SIGBUS) == 1);
    }).join();
}

sigjmp_buf after_fault;
void JumpOut(int) {
    siglongjmp(after_fault, 1);
}

TEST(FaultHandlerTest, FaultOfTheApplication_ReachesTheApplicationsHandler) {
    struct sigaction action = {};
    struct sigaction before = {};
    action.sa_handler = &JumpOut;
    ASSERT_EQ(sigaction(SIGSEGV, &action, &before), 0);
    char byte = 0;
    struct sigaction now = {};
    do {
        EXPECT_EQ(CopyBytes(&byte, "a", 1), 1U);
        ASSERT_EQ(sigaction(SIGSEGV, nullptr, &now), 0);
    } while (now.sa_handler == &JumpOut);  // until it has looked
    auto region = MappedRegion::MapAnonymous(PageSize());
    ASSERT_TRUE(region && mprotect(region->data(), PageSize(), PROT_NONE) == 0);
    volatile bool was_caught = false;
    if (sigsetjmp(after_fault, 1) == 0) {
        *reinterpret_cast<volatile char *>(region->data()) = 1;
    } else {
        was_caught = true;
    }
    EXPECT_TRUE(was_caught);
    EXPECT_EQ(CopyBytes(&byte, region->data(), 1), 0U);
    ASSERT_EQ(sigaction(SIGSEGV, &before, nullptr), 0);
}

TEST(FaultHandlerTest, SignalThatWasSent_EndsTheProcessAtOnce) {
    for (const int sent : {SIGSEGV, SIGBUS}) {
        const pid_t child = fork();
        if (child == 0) {
            signal(sent, SIG_DFL);
            char byte = 0;
            struct sigaction now = {};
            do {
                (void)CopyBytes(&byte, "a", 1);
                sigaction(sent, nullptr, &now);
            } while (now.sa_handler == SIG_DFL);  // until it has looked
            kill(getpid(), sent);
            _exit(0);
        }
        int status = 0;
        ASSERT_EQ(waitpid(child, &status, 0), child);
        EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == sent) << sent << ": " << status;
    }
}

}  // namespace
}  // namespace opendext::channel
