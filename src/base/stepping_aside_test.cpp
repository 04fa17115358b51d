// SPDX-License-Identifier: Apache-2.0
#include "base/stepping_aside.h"

#include <sched.h>

#include <thread>
#include <utility>

#include <gtest/gtest.h>

namespace opendext {
namespace {

using Outcome = SteppingAside::Outcome;

uint32_t NumSkipped(SteppingAside &aside) {
    uint32_t skipped = 0;
    while (!aside.IsWorthwhile()) {
        ++skipped;
    }
    return skipped;
}

cpu_set_t Allowed() {
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    EXPECT_EQ(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
    return allowed;
}

TEST(SteppingAsideTest, AfterABadStep_ItIsLeftForManyTimes) {
    SteppingAside aside;
    EXPECT_TRUE(aside.IsWorthwhile());
    for (const Outcome outcome : {Outcome::kUndone, Outcome::kUnwanted}) {
        aside.Learn(outcome);
        EXPECT_EQ(NumSkipped(aside), SteppingAside::kLeastSkipped);
        EXPECT_TRUE(aside.IsWorthwhile());
    }
}

TEST(SteppingAsideTest, WhereItIsBadEachTime_ItIsTriedEverMoreRarely) {
    for (const auto &[outcome, most] :
         {std::pair(Outcome::kUndone, SteppingAside::kMostSkippedOfUndone),
          std::pair(Outcome::kUnwanted, SteppingAside::kMostSkippedOfUnwanted)}) {
        SteppingAside aside;
        uint32_t before = 0;
        for (int i = 0; i < 20; ++i) {
            aside.Learn(outcome);
            const uint32_t skipped = NumSkipped(aside);
            EXPECT_TRUE(skipped > before || skipped == most);
            before = skipped;
        }
        EXPECT_EQ(before, most);
        for (int i = 0; i < 20; ++i) {
            aside.Learn(Outcome::kGood);
        }
        aside.Learn(outcome);
        EXPECT_EQ(NumSkipped(aside), SteppingAside::kLeastSkipped);
    }
}

TEST(SteppingAsideTest, ManySharedCallsInARow_MakeItDue) {
    SteppingAside aside;
    for (uint32_t i = 0; i < 10 * SteppingAside::kNumShared; ++i) {
        EXPECT_FALSE(aside.IsDue(i % SteppingAside::kNumShared != 0));
    }
    EXPECT_FALSE(aside.IsDue(false));
    for (uint32_t i = 1; i < SteppingAside::kNumShared; ++i) {
        EXPECT_FALSE(aside.IsDue(true));
    }
    EXPECT_TRUE(aside.IsDue(true));
}

TEST(SteppingAsideTest, StepThatDidNotLast_IsABadOneUnlessTheThreadHasSlept) {
    const cpu_set_t allowed = Allowed();
    if (CPU_COUNT(&allowed) < 2) {
        GTEST_SKIP() << "there is one processor";
    }
    for (const bool has_slept : {false, true}) {
        SteppingAside aside;
        aside.StepAside();
        if (!aside.IsWorthwhile()) {
            GTEST_SKIP() << "the step itself took long, which is bad enough";
        }
        if (has_slept) {
            aside.Slept();
        }
        uint32_t num_calls = 0;
        while (!aside.IsDue(true)) {
            ++num_calls;
        }
        EXPECT_EQ(num_calls + 1 == SteppingAside::kNumShared, has_slept) << num_calls;
    }
}

TEST(SteppingAsideTest, Steps_LeaveTheThreadsMaskAlone) {
    std::thread([] {
        const cpu_set_t before = Allowed();
        SteppingAside aside;
        for (int i = 0; i < 10; ++i) {
            aside.StepAside();
        }
        const cpu_set_t after = Allowed();
        EXPECT_TRUE(CPU_EQUAL(&before, &after));
    }).join();
}

TEST(SteppingAsideTest, ThreadThatMayUseOneProcessor_StaysThere) {
    std::thread([] {
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(sched_getcpu(), &one);
        ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
        SteppingAside aside;
        aside.StepAside();
        const cpu_set_t after = Allowed();
        EXPECT_TRUE(CPU_EQUAL(&one, &after));
        EXPECT_EQ(NumSkipped(aside), SteppingAside::kLeastSkipped) << "asking again is of no use";
    }).join();
}

}  // namespace
}  // namespace opendext
