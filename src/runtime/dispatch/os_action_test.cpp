// SPDX-License-Identifier: Apache-2.0
// semantics.md 4.7
#include <DriverKit/OSAction.h>

#include <cstring>
#include <thread>

#include <DriverKit/OSString.h>
#include <gtest/gtest.h>

#include "base/clock.h"
#include "runtime/dispatch/run_sync.h"
#include "runtime/dispatch/testing/dispatch_probe.h"
#include "runtime/object/object_census.h"
#include "runtime/object/object_internals.h"

namespace opendext::dispatch {
namespace {

class Action : public testing::Test {
protected:
    // Invokes as whoever holds the action does: by the type's method.
    void Fire(uint64_t time) { timer_->TimerOccurred(action_.get(), time); }

    void SetUp() override {
        IOTimerDispatchSource::Create(queue_.get(), timer_.attach());
        ASSERT_TRUE(timer_);
        ASSERT_TRUE(action_);
    }

    OSSharedPtr<IODispatchQueue> queue_ = MakeQueue("target");
    OSSharedPtr<DispatchProbe> probe_ = MakeProbeOn(queue_);
    OSSharedPtr<OSAction> action_ = MakeTickAction(probe_);
    OSSharedPtr<IOTimerDispatchSource> timer_;
};

TEST_F(Action, Invocation_ReachesTheTargetOnItsQueue) {
    bool was_on_queue = false;
    probe_->ivars->on_call = [&] { was_on_queue = queue_->OnQueue(); };
    Fire(42);
    ASSERT_TRUE(probe_->ivars->noted.Wait());
    EXPECT_EQ(probe_->ivars->Notes(), std::vector<uint64_t>{42});
    RunSync(queue_.get(), [&] { EXPECT_TRUE(was_on_queue); });
}

TEST_F(Action, OldCreate_TakesMethodIds) {
    OSSharedPtr<OSAction> action;
    ASSERT_EQ(OSAction::Create(probe_.get(), DispatchProbe_Tick_ID,
                               IOTimerDispatchSource_TimerOccurred_ID, 0, action.attach()),
              kIOReturnSuccess);
    timer_->TimerOccurred(action.get(), 9);
    ASSERT_TRUE(probe_->ivars->noted.Wait());
    EXPECT_EQ(probe_->ivars->Notes(), std::vector<uint64_t>{9});
}

// semantics.md 4.7.
TEST_F(Action, OldCreate_NeedsNoTypeOnTheMethod) {
    OSSharedPtr<OSAction> action;
    ASSERT_EQ(OSAction::Create(probe_.get(), DispatchProbe_PlainTick_ID,
                               IOTimerDispatchSource_TimerOccurred_ID, 0, action.attach()),
              kIOReturnSuccess);
    timer_->TimerOccurred(action.get(), 9);
    ASSERT_TRUE(probe_->ivars->noted.Wait());
    EXPECT_EQ(probe_->ivars->Notes(), std::vector<uint64_t>{9});
}

TEST_F(Action, Create_RefusesNoTarget) {
    OSAction *action = nullptr;
    EXPECT_EQ(OSAction::Create(nullptr, 1, 2, 0, &action), kIOReturnBadArgument);
    EXPECT_EQ(OSAction::Create(probe_.get(), 1, 2, 0, nullptr), kIOReturnBadArgument);
}

TEST_F(Action, GeneratedCreate_MakesAnObjectOfTheMethodsClass) {
    EXPECT_STREQ(action_->getMetaClass()->getClassName(), "OSAction_DispatchProbe_Tick");
    EXPECT_NE(OSDynamicCast(OSAction, action_.get()), nullptr);
}

TEST_F(Action, Reference_IsZeroFilledAlignedAndStable) {
    EXPECT_EQ(action_->GetReference(), nullptr);
    const auto action = MakeTickAction(probe_, 24);
    auto *bytes = static_cast<unsigned char *>(action->GetReference());
    ASSERT_NE(bytes, nullptr);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(bytes) % 8, 0u);
    for (int i = 0; i < 24; ++i) {
        EXPECT_EQ(bytes[i], 0);
    }
    std::memset(bytes, 0xa5, 24);
    EXPECT_EQ(action->GetReference(), bytes);
}

TEST_F(Action, Target_IsHeldUntilCancel) {
    const uint32_t before = object::ObjectInternals::References(probe_.get());
    Event handled;
    auto *const handled_out = &handled;
    EXPECT_EQ(action_->Cancel(^{ handled_out->Set(); }), kIOReturnSuccess);
    ASSERT_TRUE(handled.Wait());
    RunSync(queue_.get(), [] {});
    EXPECT_EQ(object::ObjectInternals::References(probe_.get()), before - 1);
}

TEST_F(Action, InvocationAfterCancel_IsDropped) {
    action_->Cancel(nullptr);
    Fire(1);
    RunSync(queue_.get(), [] {});
    EXPECT_TRUE(probe_->ivars->Notes().empty());
}

TEST_F(Action, CancelHandler_RunsAfterInvocationsOnTheirWay) {
    Event release;
    RunAsync(queue_.get(), [&] { EXPECT_TRUE(release.Wait()); });
    Fire(1);
    Fire(2);
    Event handled;
    auto *const handled_out = &handled;
    DispatchProbe_IVars *const ivars = probe_->ivars;
    action_->Cancel(^{
        EXPECT_EQ(ivars->Notes().size(), 2u);
        handled_out->Set();
    });
    EXPECT_EQ(handled.count(), 0);
    release.Set();
    EXPECT_TRUE(handled.Wait());
    EXPECT_EQ(action_->Cancel(^{ handled_out->Set(); }), kIOReturnAborted);
    EXPECT_TRUE(handled.Wait(2));
}

TEST_F(Action, CancelHandlerOnCancelledQueue_StillRuns) {
    queue_->Cancel(nullptr);
    Event handled;
    auto *const handled_out = &handled;
    action_->Cancel(^{ handled_out->Set(); });
    EXPECT_TRUE(handled.Wait());
}

TEST_F(Action, AbortedHandler_RunsOnce) {
    Event handled;
    auto *const handled_out = &handled;
    action_->SetAbortedHandler(^{ handled_out->Set(); });
    action_->Aborted();
    action_->Aborted();
    EXPECT_TRUE(handled.Wait());
    RunSync(queue_.get(), [] {});
    EXPECT_EQ(handled.count(), 1);
}

TEST_F(Action, Wait_EndsWithTheInvocation) {
    OSActionWaitToken *token = nullptr;
    OSActionWaitToken *second = nullptr;
    ASSERT_EQ(action_->WillWait(&token), kIOReturnSuccess);
    EXPECT_EQ(action_->WillWait(&second), kIOReturnBusy);
    std::jthread holder([&] { Fire(3); });
    EXPECT_EQ(action_->Wait(token, 0, 0), kIOReturnSuccess);
    EXPECT_EQ(probe_->ivars->Notes(), std::vector<uint64_t>{3});
    EXPECT_EQ(action_->EndWait(token), kIOReturnSuccess);
}

TEST_F(Action, Wait_EndsWithCancelOrDeadline) {
    VirtualClock clock;
    OSActionWaitToken *token = nullptr;
    ASSERT_EQ(action_->WillWait(&token), kIOReturnSuccess);
    EXPECT_EQ(action_->Wait(token, 0x77, 0), kIOReturnBadArgument);
    EXPECT_EQ(action_->Wait(token, kIOTimerClockUptimeRaw, 1), kIOReturnTimeout);
    std::jthread canceller([&] { action_->Cancel(nullptr); });
    EXPECT_EQ(action_->Wait(token, 0, 0), kIOReturnAborted);
    EXPECT_EQ(action_->EndWait(token), kIOReturnAborted);
    EXPECT_EQ(action_->EndWait(token), kIOReturnBadArgument);
}

TEST_F(Action, FreedAction_ReleasesTargetAndStorage) {
    const int64_t probes = object::LiveObjects("DispatchProbe");
    const int64_t actions = object::LiveObjects("OSAction_DispatchProbe_Tick");
    {
        const auto probe = MakeProbe();
        const auto action = MakeTickAction(probe, 100);
    }
    EXPECT_EQ(object::LiveObjects("DispatchProbe"), probes);
    EXPECT_EQ(object::LiveObjects("OSAction_DispatchProbe_Tick"), actions);
}

TEST_F(Action, InvocationsAgainstCancel_NeverStartAfterTheHandler) {
    for (int round = 0; round < 100; ++round) {
        const auto action = MakeTickAction(probe_);
        Event handled;
        std::jthread firing([&] {
            for (int i = 0; i < 20; ++i) {
                timer_->TimerOccurred(action.get(), 1);
            }
        });
        DispatchProbe_IVars *const ivars = probe_->ivars;
        __block size_t at_handler = 0;
        auto *const handled_out = &handled;
        action->Cancel(^{
            at_handler = ivars->Notes().size();
            handled_out->Set();
        });
        ASSERT_TRUE(handled.Wait());
        firing.join();
        RunSync(queue_.get(), [] {});
        EXPECT_EQ(probe_->ivars->Notes().size(), at_handler);
    }
}

// A driver's code is unloaded when none of its objects is left, and its free() is such code.
TEST(ObjectCensus, ObjectWhoseFreeHasNotReturned_IsCounted) {
    DispatchProbe *const probe = MakeProbeOn(MakeQueue("default")).detach();
    const int64_t before = object::LiveObjects("DispatchProbe");
    int64_t meanwhile = 0;
    probe->ivars->on_freed = [&] { meanwhile = object::LiveObjects("DispatchProbe"); };
    probe->release();
    EXPECT_EQ(meanwhile, before);
    EXPECT_EQ(object::LiveObjects("DispatchProbe"), before - 1);
}

}  // namespace
}  // namespace opendext::dispatch
