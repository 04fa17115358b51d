// SPDX-License-Identifier: Apache-2.0
#include "runtime/dispatch/worker_pool.h"

#include <atomic>
#include <barrier>
#include <thread>

#include <gtest/gtest.h>

#include "base/spin.h"
#include "runtime/dispatch/held_work.h"
#include "runtime/dispatch/run_sync.h"
#include "runtime/dispatch/testing/event.h"

namespace opendext::dispatch {
namespace {

TEST(WorkerPool, BlockedWorkers_DoNotDelayOtherWork) {
    constexpr int kNumBlocked = 8;
    Event release;
    Event done;
    for (int i = 0; i < kNumBlocked; ++i) {
        RunOnWorker([&] {
            EXPECT_TRUE(release.Wait());
            done.Set();
        });
    }
    Event ran;
    RunOnWorker([&] { ran.Set(); });
    EXPECT_TRUE(ran.Wait());
    release.Set();
    EXPECT_TRUE(done.Wait(kNumBlocked));
}

// Between looking out and resting.
TEST(WorkerPool, WorkThatComesAtAnyMoment_IsRun) {
    constexpr int kRounds = 5000;
    std::atomic<int> num_run = 0;
    for (int round = 0; round < kRounds; ++round) {
        for (int pause = 0; pause < round % 500; ++pause) {
            CpuPause();
        }
        RunOnWorker([&] {
            ++num_run;
            num_run.notify_one();
        });
        for (int seen = num_run; seen != round + 1; seen = num_run) {
            num_run.wait(seen);
        }
    }
}

TEST(WorkerPool, TwoTasksForOneRestingWorker_RunAtTheSameTime) {
    for (int round = 0; round < 1000; ++round) {
        Event second_runs;
        Event done;
        RunOnWorker([&] {
            EXPECT_TRUE(second_runs.Wait());
            done.Set();
        });
        RunOnWorker([&] {
            second_runs.Set();
            done.Set();
        });
        ASSERT_TRUE(done.Wait(2));
    }
}

TEST(WorkerPool, WorkOfAThreadThatHoldsIt_RunsAfterTheLastLetGo) {
    std::atomic<int> num_run = 0;
    Event done;
    HoldWork();
    HoldWork();
    for (int i = 0; i < 3; ++i) {
        RunOnWorker([&] {
            ++num_run;
            done.Set();
        });
    }
    LetWorkGo();
    // That of others runs meanwhile.
    Event other_done;
    std::thread([&] { RunOnWorker([&] { other_done.Set(); }); }).join();
    EXPECT_TRUE(other_done.Wait());
    EXPECT_EQ(num_run, 0);
    LetWorkGo();
    EXPECT_TRUE(done.Wait(3));
    EXPECT_EQ(num_run, 3);
}

TEST(WorkerPool, Shutdown_EndsAllWorkersAndWorkGoesOnAfterwards) {
    Event first;
    RunOnWorker([&] { first.Set(); });
    EXPECT_TRUE(first.Wait());
    WorkerPool::Instance().Shutdown();
    EXPECT_EQ(WorkerPool::Instance().NumWorkers(), 0u);
    Event second;
    RunOnWorker([&] { second.Set(); });
    EXPECT_TRUE(second.Wait());
}

TEST(WorkerPool, WaitUntilIdle_EndsWhenTheLastWorkerRests) {
    Event release;
    Event ended;
    RunOnWorker([&] {
        EXPECT_TRUE(release.Wait());
        ended.Set();
    });
    EXPECT_FALSE(WorkerPool::Instance().WaitUntilIdle(std::chrono::milliseconds(1)));
    release.Set();
    EXPECT_TRUE(WorkerPool::Instance().WaitUntilIdle(std::chrono::seconds(30)));
    EXPECT_EQ(ended.count(), 1);
}

TEST(WorkerPool, WaitUntilIdle_OnAWorkerDoesNotWaitForItself) {
    Event idle;
    RunOnWorker([&] {
        EXPECT_TRUE(WorkerPool::Instance().WaitUntilIdle(std::chrono::seconds(30)));
        idle.Set();
    });
    EXPECT_TRUE(idle.Wait());
}

TEST(WorkerPool, WaitUntilIdle_OnTwoWorkersDoesNotWaitForTheOther) {
    std::barrier both(2);
    Event first;
    Event second;
    const auto wait = [&both](Event &idle) {
        both.arrive_and_wait();
        EXPECT_TRUE(WorkerPool::Instance().WaitUntilIdle(std::chrono::seconds(60)));
        both.arrive_and_wait();  // neither is at rest before both have seen it
        idle.Set();
    };
    RunOnWorker([&] { wait(first); });
    RunOnWorker([&] { wait(second); });
    EXPECT_TRUE(first.Wait());
    EXPECT_TRUE(second.Wait());
}

}  // namespace
}  // namespace opendext::dispatch
