// SPDX-License-Identifier: Apache-2.0
#include <CoreFoundation/CFRunLoop.h>
#include <dispatch/dispatch.h>
#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <numeric>
#include <thread>
#include <vector>

namespace {

const dispatch_time_t kHangGuard =
    dispatch_time(DISPATCH_TIME_NOW, INT64_C(30) * INT64_C(1000000000));

TEST(DispatchQueue, SerialQueue_RunsInOrderOneAtATime) {
    constexpr int kWork = 500;
    dispatch_queue_t queue = dispatch_queue_create("serial", DISPATCH_QUEUE_SERIAL);
    std::vector<int> order;
    std::vector<int> *const seen = &order;
    for (int i = 0; i < kWork; ++i) {
        dispatch_async(queue, ^{ seen->push_back(i); });
    }
    dispatch_sync(queue, ^{ seen->push_back(kWork); });
    std::vector<int> expected(kWork + 1);
    std::iota(expected.begin(), expected.end(), 0);
    EXPECT_EQ(order, expected);
    EXPECT_STREQ(dispatch_queue_get_label(queue), "serial");
    dispatch_release(queue);
}

// NOLINTNEXTLINE(readability-function-size)
TEST(DispatchQueue, SyncFromManyThreads_IsExclusive) {
    dispatch_queue_t queue = dispatch_queue_create(nullptr, nullptr);
    int unguarded = 0;
    int *const counter = &unguarded;
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 4; ++i) {
            threads.emplace_back([queue, counter] {
                for (int j = 0; j < 200; ++j) {
                    dispatch_sync(queue, ^{ ++*counter; });
                    dispatch_async(queue, ^{ ++*counter; });
                }
            });
        }
    }
    dispatch_sync(queue, ^{ EXPECT_EQ(*counter, 4 * 400); });
    dispatch_release(queue);
}

TEST(DispatchQueue, SyncOnAnIdleQueue_RunsOnTheCaller) {
    dispatch_queue_t queue = dispatch_queue_create("serial", nullptr);
    __block std::thread::id ran_on;
    dispatch_sync(queue, ^{ ran_on = std::this_thread::get_id(); });
    EXPECT_EQ(ran_on, std::this_thread::get_id());
    dispatch_release(queue);
}

TEST(DispatchQueue, ReleasedWithWorkQueued_StillRunsIt) {
    dispatch_semaphore_t done = dispatch_semaphore_create(0);
    dispatch_queue_t queue = dispatch_queue_create("short-lived", nullptr);
    for (int i = 0; i < 3; ++i) {
        dispatch_async(queue, ^{ dispatch_semaphore_signal(done); });
    }
    dispatch_release(queue);
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(dispatch_semaphore_wait(done, kHangGuard), 0);
    }
    dispatch_release(done);
}

TEST(DispatchQueue, ConcurrentQueues_RunWorkTogether) {
    dispatch_queue_t own = dispatch_queue_create("concurrent", DISPATCH_QUEUE_CONCURRENT);
    for (dispatch_queue_t queue : {own, dispatch_get_global_queue(QOS_CLASS_DEFAULT, 0)}) {
        dispatch_semaphore_t done = dispatch_semaphore_create(0);
        std::latch all_started(3);
        std::latch *const latch = &all_started;
        for (int i = 0; i < 3; ++i) {
            dispatch_async(queue, ^{
                latch->arrive_and_wait();
                dispatch_semaphore_signal(done);
            });
        }
        for (int i = 0; i < 3; ++i) {
            EXPECT_EQ(dispatch_semaphore_wait(done, kHangGuard), 0);
        }
        dispatch_release(done);
    }
    dispatch_release(own);
}

TEST(DispatchQueue, GlobalQueue_IsThereForKnownIdentifiersOnly) {
    EXPECT_NE(dispatch_get_global_queue(DISPATCH_QUEUE_PRIORITY_BACKGROUND, 0), nullptr);
    EXPECT_EQ(dispatch_get_global_queue(4711, 0), nullptr);
    EXPECT_EQ(dispatch_get_global_queue(0, 1), nullptr);
}

TEST(DispatchQueue, SyncOnTheMainQueue_RunsOnTheMainThread) {
    bool on_main = false;
    bool *const seen = &on_main;
    std::jthread other([seen] {
        dispatch_sync(dispatch_get_main_queue(),
                      ^{ *seen = CFRunLoopGetCurrent() == CFRunLoopGetMain(); });
        CFRunLoopStop(CFRunLoopGetMain());
    });
    EXPECT_EQ(CFRunLoopRunInMode(kCFRunLoopDefaultMode, 30, false), kCFRunLoopRunStopped);
    EXPECT_TRUE(on_main);
}

TEST(DispatchQueueDeathTest, SyncOnTheOwnQueue_AbortsAndSaysWhy) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(
        {
            dispatch_queue_t queue = dispatch_queue_create("mine", nullptr);
            dispatch_sync(queue, ^{ dispatch_sync(queue, ^{}); });
        },
        "queue \"mine\" is waiting for itself");
    EXPECT_DEATH(dispatch_sync(dispatch_get_main_queue(), ^{}), "main queue is waiting for itself");
}

TEST(DispatchAfter, Work_RunsNoEarlierThanItsTime) {
    dispatch_semaphore_t done = dispatch_semaphore_create(0);
    dispatch_queue_t queue = dispatch_queue_create("delayed", nullptr);
    std::atomic<int> num_early = 0;
    std::atomic<int> *const early = &num_early;
    for (const int64_t milliseconds : {20, 10, -5}) {
        const dispatch_time_t when = dispatch_time(DISPATCH_TIME_NOW, milliseconds * 1000000);
        dispatch_after(when, queue, ^{
            *early += dispatch_time(DISPATCH_TIME_NOW, 0) < when ? 1 : 0;
            dispatch_semaphore_signal(done);
        });
    }
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(dispatch_semaphore_wait(done, kHangGuard), 0);
    }
    EXPECT_EQ(num_early, 0);
    dispatch_release(queue);
    dispatch_release(done);
}

TEST(DispatchTime, Extremes_AreKept) {
    EXPECT_EQ(dispatch_time(DISPATCH_TIME_FOREVER, -1), DISPATCH_TIME_FOREVER);
    EXPECT_EQ(dispatch_time(DISPATCH_TIME_NOW, INT64_MAX), DISPATCH_TIME_FOREVER);
    EXPECT_EQ(dispatch_time(5, INT64_MIN), 1U);
    EXPECT_EQ(dispatch_time(5, 3), 8U);
}

TEST(DispatchSemaphore, Permits_AreCountedAndTimeoutsReported) {
    dispatch_semaphore_t semaphore = dispatch_semaphore_create(1);
    EXPECT_EQ(dispatch_semaphore_wait(semaphore, DISPATCH_TIME_NOW), 0);
    EXPECT_NE(dispatch_semaphore_wait(semaphore, DISPATCH_TIME_NOW), 0);
    EXPECT_NE(dispatch_semaphore_wait(semaphore, dispatch_time(DISPATCH_TIME_NOW, 1000000)), 0);
    EXPECT_EQ(dispatch_semaphore_signal(semaphore), 0);
    EXPECT_EQ(dispatch_semaphore_wait(semaphore, DISPATCH_TIME_FOREVER), 0);
    dispatch_release(semaphore);
    EXPECT_EQ(dispatch_semaphore_create(-1), nullptr);
}

}  // namespace
