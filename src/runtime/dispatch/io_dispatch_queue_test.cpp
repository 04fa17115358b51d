// SPDX-License-Identifier: Apache-2.0
// semantics.md 4.1
#include <DriverKit/IODispatchQueue.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/clock.h"
#include "runtime/dispatch/run_sync.h"
#include "runtime/dispatch/testing/dispatch_probe.h"
#include "runtime/object/object_census.h"

namespace opendext::dispatch {
namespace {

TEST(DispatchQueue, Create_RefusesBadArguments) {
    IODispatchQueue *queue = nullptr;
    EXPECT_EQ(IODispatchQueue::Create(nullptr, 0, 0, &queue), kIOReturnBadArgument);
    EXPECT_EQ(IODispatchQueue::Create("q", 0, 0, nullptr), kIOReturnBadArgument);
    EXPECT_EQ(IODispatchQueue::Create("q", 0x80, 0, &queue), kIOReturnBadArgument);
    EXPECT_EQ(queue, nullptr);
}

TEST(DispatchQueue, AsyncWork_RunsInOrderOfSubmission) {
    const auto queue = MakeQueue("fifo");
    constexpr int kNumBlocks = 500;
    std::vector<int> order;
    auto *const order_out = &order;
    for (int i = 0; i < kNumBlocks; ++i) {
        queue->DispatchAsync(^{ order_out->push_back(i); });
    }
    queue->DispatchSync(^{});
    ASSERT_EQ(order.size(), static_cast<size_t>(kNumBlocks));
    for (int i = 0; i < kNumBlocks; ++i) {
        EXPECT_EQ(order[static_cast<size_t>(i)], i);
    }
}

TEST(DispatchQueue, SyncOnIdleQueue_RunsOnTheCallingThread) {
    const auto queue = MakeQueue("inline");
    __block std::thread::id ran_on;
    queue->DispatchSync(^{ ran_on = std::this_thread::get_id(); });
    EXPECT_EQ(ran_on, std::this_thread::get_id());
}

// A third of the rounds asynchronously, which ones depends on `shift`.
void CountOnQueue(IODispatchQueue *queue, int shift, int num_rounds, int &counter) {
    for (int i = 0; i < num_rounds; ++i) {
        if ((i + shift) % 3 == 0) {
            RunAsync(queue, [&counter] { ++counter; });
        } else {
            RunSync(queue, [&counter] { ++counter; });
        }
    }
}

TEST(DispatchQueue, ContendedWork_NeverOverlaps) {
    const auto queue = MakeQueue("contended");
    constexpr int kNumThreads = 4;
    constexpr int kNumRounds = 2000;
    int counter = 0;  // unguarded: the queue is the guard
    {
        std::vector<std::jthread> threads;
        for (int t = 0; t < kNumThreads; ++t) {
            threads.emplace_back([&, t] { CountOnQueue(queue.get(), t, kNumRounds, counter); });
        }
    }
    queue->DispatchSync(^{});
    EXPECT_EQ(counter, kNumThreads * kNumRounds);
}

TEST(DispatchQueue, SyncBehindAsync_WaitsForItsTurn) {
    const auto queue = MakeQueue("turns");
    Event release;
    std::string order;
    RunAsync(queue.get(), [&] {
        EXPECT_TRUE(release.Wait());
        order += 'a';
    });
    RunAsync(queue.get(), [&] { order += 'b'; });
    std::jthread waiter([&] { RunSync(queue.get(), [&] { order += 'c'; }); });
    release.Set();
    waiter.join();
    EXPECT_EQ(order, "abc");
}

TEST(DispatchQueue, OnQueue_IsTrueForAllQueuesOfTheNesting) {
    const auto outer = MakeQueue("outer");
    const auto inner = MakeQueue("inner");
    IODispatchQueue *const outer_queue = outer.get();
    IODispatchQueue *const inner_queue = inner.get();
    EXPECT_FALSE(outer_queue->OnQueue());
    outer_queue->DispatchSync(^{
        EXPECT_FALSE(inner_queue->OnQueue());
        inner_queue->DispatchSync(^{
            EXPECT_TRUE(inner_queue->OnQueue());
            EXPECT_TRUE(outer_queue->OnQueue());
        });
        EXPECT_FALSE(inner_queue->OnQueue());
    });
    EXPECT_FALSE(outer_queue->OnQueue());
}

TEST(DispatchQueue, SyncFromTheQueueItself_RunsAtOnce) {
    const auto queue = MakeQueue("self");
    bool inner_ran = false;
    RunSync(queue.get(), [&] { RunSync(queue.get(), [&] { inner_ran = true; }); });
    EXPECT_TRUE(inner_ran);
}

TEST(DispatchQueue, BlockedQueue_DoesNotDelayAnother) {
    const auto blocked = MakeQueue("blocked");
    const auto free_queue = MakeQueue("free");
    Event release;
    Event ran;
    RunAsync(blocked.get(), [&] { EXPECT_TRUE(release.Wait()); });
    RunAsync(free_queue.get(), [&] { ran.Set(); });
    EXPECT_TRUE(ran.Wait());
    release.Set();
    blocked->DispatchSync(^{});
}

TEST(DispatchQueue, RunAction_ReturnsTheBlocksStatus) {
    const auto queue = MakeQueue("action");
    EXPECT_EQ(queue->RunAction(^kern_return_t { return kIOReturnNoSpace; }), kIOReturnNoSpace);
}

TEST(DispatchQueue, AsyncWork_KeepsTheQueueUntilItRan) {
    Event release;
    Event ran;
    auto queue = MakeQueue("kept");
    RunAsync(queue.get(), [&] {
        EXPECT_TRUE(release.Wait());
        ran.Set();
    });
    queue.reset();
    release.Set();
    EXPECT_TRUE(ran.Wait());
}

TEST(DispatchQueue, LastReleaseFromItsOwnWork_IsSafe) {
    for (int i = 0; i < 50; ++i) {
        auto queue = MakeQueue("own release");
        IODispatchQueue *raw = queue.detach();
        RunSync(raw, [raw] { raw->release(); });
    }
    Event ran;
    IODispatchQueue *raw = MakeQueue("own async release").detach();
    RunAsync(raw, [&] {
        raw->release();
        ran.Set();
    });
    EXPECT_TRUE(ran.Wait());
}

TEST(DispatchQueue, Cancel_DropsWaitingWorkAndThenRunsTheHandler) {
    const auto queue = MakeQueue("cancel");
    Event started;
    Event release;
    Event handled;
    std::atomic<int> num_ran{0};
    RunAsync(queue.get(), [&] {
        started.Set();
        EXPECT_TRUE(release.Wait());
        ++num_ran;
    });
    ASSERT_TRUE(started.Wait());
    RunAsync(queue.get(), [&] { ++num_ran; });
    auto *const handled_out = &handled;
    const auto *const num_ran_in = &num_ran;
    EXPECT_EQ(queue->Cancel(^{
        EXPECT_EQ(num_ran_in->load(), 1);
        handled_out->Set();
    }),
              kIOReturnSuccess);
    EXPECT_EQ(handled.count(), 0);
    release.Set();
    EXPECT_TRUE(handled.Wait());
    EXPECT_FALSE(RunSync(queue.get(), [&] { ++num_ran; }));
    EXPECT_EQ(queue->RunAction(^kern_return_t { return kIOReturnSuccess; }), kIOReturnAborted);
    EXPECT_EQ(num_ran.load(), 1);
}

TEST(DispatchQueue, CancelOfIdleQueue_RunsTheHandlerOnIt) {
    const auto queue = MakeQueue("idle cancel");
    Event handled;
    auto *const handled_out = &handled;
    IODispatchQueue *const raw = queue.get();
    queue->Cancel(^{
        EXPECT_TRUE(raw->OnQueue());
        handled_out->Set();
    });
    EXPECT_TRUE(handled.Wait());
    EXPECT_EQ(queue->Cancel(^{ handled_out->Set(); }), kIOReturnAborted);
    EXPECT_TRUE(handled.Wait(2));
}

TEST(DispatchQueue, SyncCallerWaitingAtCancel_Returns) {
    const auto queue = MakeQueue("cancel waiter");
    Event started;
    Event release;
    RunAsync(queue.get(), [&] {
        started.Set();
        EXPECT_TRUE(release.Wait());
    });
    ASSERT_TRUE(started.Wait());
    std::atomic<bool> did_run{false};
    std::jthread waiter([&] { RunSync(queue.get(), [&] { did_run = true; }); });
    Event handled;
    auto *const handled_out = &handled;
    queue->Cancel(^{ handled_out->Set(); });
    waiter.join();
    EXPECT_FALSE(did_run);
    release.Set();
    EXPECT_TRUE(handled.Wait());
}

TEST(DispatchQueue, SleepAndWakeup_GiveTheQueueUpMeanwhile) {
    const auto queue = MakeQueue("sleep", kIODispatchQueueReentrant);
    int event = 0;
    Event sleeping;
    kern_return_t slept = kIOReturnInvalid;
    std::jthread sleeper([&] {
        RunSync(queue.get(), [&] {
            sleeping.Set();
            slept = queue->Sleep(&event, 0);
            EXPECT_TRUE(queue->OnQueue());
        });
    });
    ASSERT_TRUE(sleeping.Wait());
    // Comes in only when the sleeper has given the queue up.
    RunSync(queue.get(), [&] {
        EXPECT_EQ(queue->Wakeup(&sleeping), kIOReturnNotFound);
        EXPECT_EQ(queue->Wakeup(&event), kIOReturnSuccess);
    });
    sleeper.join();
    EXPECT_EQ(slept, kIOReturnSuccess);
}

TEST(DispatchQueue, WakeupAll_WakesEverySleeperOfTheEvent) {
    const auto queue = MakeQueue("all", kIODispatchQueueReentrant);
    int event = 0;
    Event asleep;
    Event woken;
    for (int i = 0; i < 3; ++i) {
        RunAsync(queue.get(), [&] {
            asleep.Set();
            EXPECT_EQ(queue->SleepWithTimeout(&event, 0), kIOReturnSuccess);
            woken.Set();
        });
    }
    ASSERT_TRUE(asleep.Wait(3));
    RunSync(queue.get(), [&] {
        EXPECT_EQ(queue->WakeupWithOptions(&event, kIODispatchQueueWakeupAll), kIOReturnSuccess);
    });
    EXPECT_TRUE(woken.Wait(3));
}

TEST(DispatchQueue, SleepPastItsDeadline_TimesOutOnTheQueue) {
    VirtualClock clock;
    const auto queue = MakeQueue("deadline", kIODispatchQueueReentrant);
    int event = 0;
    Event asleep;
    Event done;
    kern_return_t slept = kIOReturnInvalid;
    RunAsync(queue.get(), [&] {
        asleep.Set();
        slept = queue->SleepWithTimeout(&event, 1'000'000);
        EXPECT_TRUE(queue->OnQueue());
        done.Set();
    });
    ASSERT_TRUE(asleep.Wait());
    RunSync(queue.get(), [] {});
    EXPECT_EQ(done.count(), 0);
    clock.Advance(1'000'000);
    ASSERT_TRUE(done.Wait());
    EXPECT_EQ(slept, kIOReturnTimeout);
}

TEST(DispatchQueue, SleepWhereItIsNotAllowed_IsUnsupported) {
    const auto plain = MakeQueue("plain");
    const auto reentrant = MakeQueue("reentrant", kIODispatchQueueReentrant);
    int event = 0;
    RunSync(plain.get(), [&] { EXPECT_EQ(plain->Sleep(&event, 1), kIOReturnUnsupported); });
    EXPECT_EQ(reentrant->Sleep(&event, 1), kIOReturnUnsupported);
    EXPECT_EQ(reentrant->Wakeup(&event), kIOReturnUnsupported);
    RunSync(reentrant.get(), [&] {
        EXPECT_EQ(reentrant->SleepWithDeadline(&event, 0x99, 1), kIOReturnBadArgument);
    });
}

TEST(DispatchQueue, CancelWhileWorkSleeps_WaitsForIt) {
    const auto queue = MakeQueue("sleeping cancel", kIODispatchQueueReentrant);
    int event = 0;
    Event asleep;
    Event handled;
    std::atomic<bool> finished{false};
    RunAsync(queue.get(), [&] {
        asleep.Set();
        queue->Sleep(&event, 0);
        finished = true;
    });
    ASSERT_TRUE(asleep.Wait());
    RunSync(queue.get(), [&] {
        auto *const handled_out = &handled;
        const auto *const finished_in = &finished;
        queue->Cancel(^{
            EXPECT_TRUE(finished_in->load());
            handled_out->Set();
        });
        queue->Wakeup(&event);
    });
    EXPECT_TRUE(handled.Wait());
}

TEST(DispatchQueue, ConcurrentWork_OverlapsOnlyWithItsKind) {
    const auto queue = MakeQueue("concurrent", kIODispatchQueueReentrant);
    Event both_run;
    std::atomic<int> num_inside{0};
    auto *const both = &both_run;
    auto *const inside = &num_inside;
    for (int i = 0; i < 2; ++i) {
        queue->DispatchConcurrent(^{
            ++*inside;
            both->Set();
            EXPECT_TRUE(both->Wait(2));
            --*inside;
        });
    }
    queue->DispatchSync(^{ EXPECT_EQ(inside->load(), 0); });
    EXPECT_EQ(both_run.count(), 2);
}

TEST(DispatchQueue, MixedWorkOnReentrantQueue_KeepsItsRules) {
    const auto queue = MakeQueue("mixed", kIODispatchQueueReentrant);
    std::atomic<int> num_concurrent{0};
    int alone = 0;
    constexpr int kNumRounds = 300;
    for (int i = 0; i < kNumRounds; ++i) {
        auto *const concurrent = &num_concurrent;
        auto *const alone_out = &alone;
        queue->DispatchConcurrent(^{
            ++*concurrent;
            --*concurrent;
        });
        queue->DispatchAsync(^{
            EXPECT_EQ(concurrent->load(), 0);
            ++*alone_out;
        });
    }
    queue->DispatchSync(^{});
    EXPECT_EQ(alone, kNumRounds);
}

int g_num_log_lines = 0;

int CountLogLine(const char *, ...) {
    return ++g_num_log_lines;
}

TEST(DispatchQueue, Log_NamesEveryQueueOfTheThread) {
    const auto outer = MakeQueue("outer");
    const auto inner = MakeQueue("inner");
    g_num_log_lines = 0;
    RunSync(outer.get(),
            [&] { RunSync(inner.get(), [] { IODispatchQueue::Log("here", &CountLogLine); }); });
    EXPECT_EQ(g_num_log_lines, 2);
    EXPECT_STREQ(inner->GetName(), "inner");
}

TEST(DispatchQueue, FreedQueues_AreCounted) {
    const int64_t before = object::LiveObjects("IODispatchQueue");
    {
        const auto queue = MakeQueue("counted");
        EXPECT_EQ(object::LiveObjects("IODispatchQueue"), before + 1);
    }
    EXPECT_EQ(object::LiveObjects("IODispatchQueue"), before);
}

}  // namespace
}  // namespace opendext::dispatch
