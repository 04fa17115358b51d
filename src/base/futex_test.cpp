// SPDX-License-Identifier: Apache-2.0
#include "base/futex.h"

#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <new>
#include <thread>

#include <gtest/gtest.h>

#include "base/mapping.h"
#include "base/spin.h"

namespace opendext {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

TEST(FutexTest, WordThatDiffers_DoesNotSleep) {
    const std::atomic<uint32_t> word = 1;
    EXPECT_EQ(FutexWait(word, 0), FutexResult::kValueChanged);
}

TEST(FutexTest, NobodyWakes_TimesOutNotBeforeTheDeadline) {
    const std::atomic<uint32_t> word = 0;
    const auto deadline = steady_clock::now() + milliseconds(5);
    FutexResult result = FutexResult::kWoken;
    while (result == FutexResult::kWoken) {
        result = FutexWait(word, 0, deadline);
    }
    EXPECT_EQ(result, FutexResult::kTimedOut);
    EXPECT_GE(steady_clock::now(), deadline);
}

TEST(FutexTest, DeadlineInThePast_TimesOutAtOnce) {
    const std::atomic<uint32_t> word = 0;
    EXPECT_EQ(FutexWaitFor(word, 0, milliseconds(0)), FutexResult::kTimedOut);
}

TEST(FutexTest, Wake_EndsTheWaitOfAThread) {
    for (const FutexScope scope : {FutexScope::kThisProcess, FutexScope::kSharedMemory}) {
        std::atomic<uint32_t> word = 0;
        std::thread waiter([&] {
            while (word.load() == 0) {
                FutexWait(word, 0, std::nullopt, scope);
            }
        });
        word.store(1);
        FutexWakeAll(word, scope);
        waiter.join();
    }
}

TEST(FutexTest, Wake_ReachesAnotherProcessThatMapsTheWord) {
    const auto memory = SharedMemory::Create("futex", sizeof(uint32_t));
    ASSERT_TRUE(memory.has_value());
    const auto region = memory->Map();
    ASSERT_TRUE(region.has_value());
    auto *word = new (region->data()) std::atomic<uint32_t>(0);
    const pid_t child = ::fork();
    if (child == 0) {
        while (word->load() == 0) {
            FutexWait(*word, 0, steady_clock::now() + std::chrono::seconds(30));
        }
        ::_exit(0);
    }
    word->store(1);
    FutexWakeAll(*word);
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
}

TEST(FutexTest, WakeWithoutWaiters_WakesNone) {
    const std::atomic<uint32_t> word = 0;
    EXPECT_EQ(FutexWake(word, 1), 0);
}

TEST(SpinUntilTest, ConditionThatHolds_IsSeenWithoutABudget) {
    EXPECT_TRUE(SpinUntil([] { return true; }, std::chrono::nanoseconds(0)));
}

TEST(SpinUntilTest, ConditionThatNeverHolds_EndsWithTheBudget) {
    const auto start = steady_clock::now();
    EXPECT_FALSE(SpinUntil([] { return false; }, milliseconds(2)));
    EXPECT_GE(steady_clock::now() - start, milliseconds(2));
}

}  // namespace
}  // namespace opendext
