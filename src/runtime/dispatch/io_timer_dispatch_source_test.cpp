// SPDX-License-Identifier: Apache-2.0
// semantics.md 4.2, 4.3
#include <DriverKit/IOTimerDispatchSource.h>

#include <mach/mach_time.h>
#include <time.h>

#include <gtest/gtest.h>

#include "base/clock.h"
#include "runtime/dispatch/run_sync.h"
#include "runtime/dispatch/testing/dispatch_probe.h"
#include "runtime/object/object_census.h"

namespace opendext::dispatch {
namespace {

constexpr uint64_t kMillisecond = 1'000'000;

class Timer : public testing::Test {
protected:
    void SetUp() override {
        ASSERT_EQ(IOTimerDispatchSource::Create(queue_.get(), timer_.attach()), kIOReturnSuccess);
        ASSERT_EQ(timer_->SetHandler(action_.get()), kIOReturnSuccess);
    }
    void TearDown() override {
        timer_->Cancel(nullptr);
        RunSync(queue_.get(), [] {});
    }

    // All that is queued now has run.
    std::vector<uint64_t> Fired() {
        RunSync(queue_.get(), [] {});
        return probe_->ivars->Notes();
    }

    VirtualClock clock_;
    OSSharedPtr<IODispatchQueue> queue_ = MakeQueue("timer");
    OSSharedPtr<DispatchProbe> probe_ = MakeProbeOn(MakeQueue("default"));
    OSSharedPtr<OSAction> action_ = MakeTickAction(probe_);
    OSSharedPtr<IOTimerDispatchSource> timer_;
};

TEST_F(Timer, Deadline_FiresOnceWithTheTimeOnTheTimersQueue) {
    bool was_on_queue = false;
    probe_->ivars->on_call = [&] { was_on_queue = queue_->OnQueue(); };
    const uint64_t deadline = mach_absolute_time() + kMillisecond;
    EXPECT_EQ(timer_->WakeAtTime(kIOTimerClockMachAbsoluteTime, deadline, 0), kIOReturnSuccess);
    clock_.Advance(kMillisecond - 1);
    EXPECT_TRUE(Fired().empty());
    clock_.Advance(1);
    EXPECT_EQ(Fired(), std::vector<uint64_t>{deadline});
    EXPECT_TRUE(was_on_queue);
    clock_.Advance(10 * kMillisecond);
    EXPECT_EQ(Fired().size(), 1u);
}

TEST_F(Timer, EveryClock_IsKnown) {
    const uint64_t monotonic = clock_gettime_nsec_np(CLOCK_MONOTONIC_RAW) + kMillisecond;
    const uint64_t wall = clock_gettime_nsec_np(CLOCK_REALTIME) + 2 * kMillisecond;
    timer_->WakeAtTime(kIOTimerClockMonotonicRaw, monotonic, 0);
    clock_.Advance(kMillisecond);
    EXPECT_EQ(Fired(), std::vector<uint64_t>{monotonic});
    timer_->WakeAtTime(kIOTimerClockWallTime, wall, 0);
    clock_.Advance(kMillisecond);
    EXPECT_EQ(Fired(), (std::vector<uint64_t>{monotonic, wall}));
    EXPECT_EQ(timer_->WakeAtTime(0x12, 0, 0), kIOReturnBadArgument);
}

TEST_F(Timer, NewDeadline_ReplacesThePendingOne) {
    const uint64_t now = mach_absolute_time();
    timer_->WakeAtTime(kIOTimerClockUptimeRaw, now + kMillisecond, 0);
    timer_->WakeAtTime(kIOTimerClockUptimeRaw, now + 3 * kMillisecond, 0);
    clock_.Advance(2 * kMillisecond);
    EXPECT_TRUE(Fired().empty());
    clock_.Advance(kMillisecond);
    EXPECT_EQ(Fired().size(), 1u);
}

TEST_F(Timer, EnabledWhileItFires_IsNotLost) {
    constexpr int kRounds = 2000;
    for (int round = 1; round <= kRounds; ++round) {
        timer_->SetEnable(false);
        timer_->WakeAtTime(kIOTimerClockUptimeRaw, 1, 0);
        timer_->SetEnable(true);
        ASSERT_TRUE(probe_->ivars->noted.Wait(round)) << "round " << round;
    }
}

TEST_F(Timer, DeadlineInThePast_FiresAtOnce) {
    timer_->WakeAtTime(kIOTimerClockUptimeRaw, 1, 0);
    EXPECT_EQ(Fired().size(), 1u);
}

TEST_F(Timer, ReArmingInTheHandler_GivesAPeriod) {
    uint64_t next = mach_absolute_time() + kMillisecond;
    probe_->ivars->on_call = [&] {
        next += kMillisecond;
        timer_->WakeAtTime(kIOTimerClockUptimeRaw, next, 0);
    };
    timer_->WakeAtTime(kIOTimerClockUptimeRaw, next, 0);
    for (size_t i = 1; i <= 5; ++i) {
        clock_.Advance(kMillisecond);
        EXPECT_EQ(Fired().size(), i);
    }
    timer_->Cancel(nullptr);
}

TEST_F(Timer, DisabledTimer_FiresWhenItIsEnabledAgain) {
    EXPECT_EQ(timer_->SetEnable(false), kIOReturnSuccess);
    timer_->WakeAtTime(kIOTimerClockUptimeRaw, mach_absolute_time() + kMillisecond, 0);
    clock_.Advance(2 * kMillisecond);
    EXPECT_TRUE(Fired().empty());
    EXPECT_EQ(timer_->SetEnable(true), kIOReturnSuccess);
    EXPECT_EQ(Fired().size(), 1u);
}

TEST_F(Timer, EnableHandler_RunsOnlyOnAChange) {
    Event handled;
    auto *const handled_out = &handled;
    EXPECT_EQ(timer_->SetEnableWithCompletion(true, ^{ handled_out->Set(); }), kIOReturnSuccess);
    RunSync(queue_.get(), [] {});
    EXPECT_EQ(handled.count(), 0);
    EXPECT_EQ(timer_->SetEnableWithCompletion(false, ^{ handled_out->Set(); }), kIOReturnSuccess);
    EXPECT_TRUE(handled.Wait());
}

TEST_F(Timer, Cancel_StopsEventsAndThenRunsTheHandlerOnTheQueue) {
    timer_->WakeAtTime(kIOTimerClockUptimeRaw, mach_absolute_time() + kMillisecond, 0);
    Event handled;
    auto *const handled_out = &handled;
    IODispatchQueue *const queue = queue_.get();
    EXPECT_EQ(timer_->Cancel(^{
        EXPECT_TRUE(queue->OnQueue());
        handled_out->Set();
    }),
              kIOReturnSuccess);
    EXPECT_TRUE(handled.Wait());
    clock_.Advance(2 * kMillisecond);
    EXPECT_TRUE(Fired().empty());
    EXPECT_EQ(timer_->SetEnable(true), kIOReturnUnsupported);
    EXPECT_EQ(timer_->WakeAtTime(kIOTimerClockUptimeRaw, 1, 0), kIOReturnNotReady);
}

TEST_F(Timer, CancelHandlerOnCancelledQueue_StillRuns) {
    queue_->Cancel(nullptr);
    Event handled;
    auto *const handled_out = &handled;
    timer_->Cancel(^{ handled_out->Set(); });
    EXPECT_TRUE(handled.Wait());
}

TEST_F(Timer, HandlerOfAnotherType_IsRefused) {
    OSSharedPtr<OSAction> other;
    OSAction::Create(probe_.get(), DispatchProbe_Tick_ID, DispatchProbe_Note_ID, 0, other.attach());
    EXPECT_EQ(timer_->SetHandler(other.get()), kIOReturnBadArgument);
}

TEST_F(Timer, HandlerWithItsOwnQueue_RunsThere) {
    const auto aux = MakeQueue("aux");
    probe_->SetDispatchQueue("Aux", aux.get());
    OSSharedPtr<OSAction> action;
    probe_->CreateActionTickOnAux(0, action.attach());
    bool was_on_aux = false;
    probe_->ivars->on_call = [&] { was_on_aux = aux->OnQueue(); };
    timer_->SetHandler(action.get());
    timer_->WakeAtTime(kIOTimerClockUptimeRaw, 1, 0);
    ASSERT_TRUE(probe_->ivars->noted.Wait());
    RunSync(aux.get(), [&] { EXPECT_TRUE(was_on_aux); });
}

TEST_F(Timer, TimerReleasedWhileArmed_IsFreedAndSilent) {
    const int64_t timers = object::LiveObjects("IOTimerDispatchSource");
    OSSharedPtr<IOTimerDispatchSource> timer;
    IOTimerDispatchSource::Create(queue_.get(), timer.attach());
    timer->SetHandler(action_.get());
    timer->WakeAtTime(kIOTimerClockUptimeRaw, mach_absolute_time() + kMillisecond, 0);
    timer.reset();
    EXPECT_EQ(object::LiveObjects("IOTimerDispatchSource"), timers);
    clock_.Advance(2 * kMillisecond);
    EXPECT_TRUE(Fired().empty());
}

TEST(SystemTimer, RealTime_FiresNotBeforeItsDeadline) {
    const auto queue = MakeQueue("real");
    const auto probe = MakeProbeOn(queue);
    const auto action = MakeTickAction(probe);
    OSSharedPtr<IOTimerDispatchSource> timer;
    IOTimerDispatchSource::Create(queue.get(), timer.attach());
    timer->SetHandler(action.get());
    const uint64_t deadline = mach_absolute_time() + 5 * kMillisecond;
    timer->WakeAtTime(kIOTimerClockMachAbsoluteTime, deadline, 0);
    ASSERT_TRUE(probe->ivars->noted.Wait());
    EXPECT_GE(probe->ivars->Notes().front(), deadline);
    RunSync(queue.get(), [] {});
}

}  // namespace
}  // namespace opendext::dispatch
