// SPDX-License-Identifier: Apache-2.0
#include "base/real_time_thread.h"

#include <pthread.h>

#include <gtest/gtest.h>

#include <thread>

namespace opendext {
namespace {

int PolicyOfThisThread() {
    int policy = -1;
    sched_param parameters = {};
    EXPECT_EQ(pthread_getschedparam(pthread_self(), &policy, &parameters), 0);
    return policy & ~SCHED_RESET_ON_FORK;
}

TEST(RealTimeThread, Leave_PutsThePolicyBack) {
    std::thread([] {
        const int policy = PolicyOfThisThread();
        const ThreadSchedule before = EnterRealTime();
        EXPECT_EQ(PolicyOfThisThread(), before.was_changed ? SCHED_FIFO : policy);
        const ThreadSchedule nested = EnterRealTime();
        EXPECT_FALSE(nested.was_changed && before.was_changed);
        LeaveRealTime(nested);
        EXPECT_EQ(PolicyOfThisThread(), before.was_changed ? SCHED_FIFO : policy);
        LeaveRealTime(before);
        EXPECT_EQ(PolicyOfThisThread(), policy);
    }).join();
}

}  // namespace
}  // namespace opendext
