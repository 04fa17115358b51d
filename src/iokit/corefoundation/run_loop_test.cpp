// SPDX-License-Identifier: Apache-2.0
#include <CoreFoundation/CFRunLoop.h>
#include <dispatch/dispatch.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "iokit/corefoundation/object.h"
#include "iokit/corefoundation/run_loop_source.h"
#include "iokit/corefoundation/string.h"

namespace {

using opendext::cf::Ref;
using opendext::cf::RunLoopSource;
using Source = Ref<CFRunLoopSourceRef>;
using Timer = Ref<CFRunLoopTimerRef>;

constexpr CFTimeInterval kHangGuard = 30;

// Runs `body` on a thread of its own, whose run loop is empty at first.
void OnFreshThread(const std::function<void()> &body) {
    std::jthread thread(body);
}

CFRunLoopRunResult RunDefault(CFTimeInterval seconds = kHangGuard,
                              bool returns_after_source = false) {
    return CFRunLoopRunInMode(kCFRunLoopDefaultMode, seconds, returns_after_source);
}

// A version 0 source that records what happens to it.
struct RecordedSource {
    explicit RecordedSource(CFIndex order = 0, std::string name = "")
        : name_prefix(std::move(name)) {
        CFRunLoopSourceContext context = {};
        context.info = this;
        context.release = [](const void *info) {
            const_cast<RecordedSource *>(static_cast<const RecordedSource *>(info))
                ->Note("release");
        };
        context.schedule = [](void *info, CFRunLoopRef, CFRunLoopMode) {
            static_cast<RecordedSource *>(info)->Note("schedule");
        };
        context.cancel = [](void *info, CFRunLoopRef, CFRunLoopMode) {
            static_cast<RecordedSource *>(info)->Note("cancel");
        };
        context.perform = [](void *info) {
            auto *const source = static_cast<RecordedSource *>(info);
            source->Note("perform");
            if (source->on_perform) {
                source->on_perform();
            }
        };
        ref = Source::Adopt(CFRunLoopSourceCreate(nullptr, order, &context));
    }
    ~RecordedSource() { CFRunLoopSourceInvalidate(ref.Get()); }
    RecordedSource(const RecordedSource &) = delete;
    RecordedSource &operator=(const RecordedSource &) = delete;

    void Note(const char *event) { log->push_back(name_prefix + event); }

    std::string name_prefix;
    std::vector<std::string> own_log;
    std::vector<std::string> *log = &own_log;
    std::function<void()> on_perform;
    Source ref;
};

using Events = std::vector<std::string>;

// semantics.md 7.5
TEST(RunLoop, EachThread_HasItsOwn) {
    EXPECT_EQ(CFRunLoopGetCurrent(), CFRunLoopGetMain());
    EXPECT_EQ(CFRunLoopGetCurrent(), CFRunLoopGetCurrent());
    OnFreshThread([] { EXPECT_NE(CFRunLoopGetCurrent(), CFRunLoopGetMain()); });
}

TEST(RunLoop, EmptyMode_FinishesAtOnce) {
    OnFreshThread([] {
        EXPECT_EQ(RunDefault(), kCFRunLoopRunFinished);
        EXPECT_EQ(CFRunLoopRunInMode(CFSTR("unknown"), kHangGuard, false), kCFRunLoopRunFinished);
        EXPECT_EQ(CFRunLoopRunInMode(kCFRunLoopCommonModes, kHangGuard, false),
                  kCFRunLoopRunFinished);
        CFRunLoopRun();
    });
}

TEST(RunLoop, MainLoop_IsNeverEmptyAsItServesTheMainQueue) {
    EXPECT_EQ(RunDefault(0), kCFRunLoopRunTimedOut);
}

TEST(RunLoop, NoWork_TimesOut) {
    OnFreshThread([] {
        const RecordedSource source;
        CFRunLoopAddSource(CFRunLoopGetCurrent(), source.ref.Get(), kCFRunLoopDefaultMode);
        EXPECT_EQ(RunDefault(0), kCFRunLoopRunTimedOut);
        EXPECT_EQ(RunDefault(0.01), kCFRunLoopRunTimedOut);
        EXPECT_EQ(RunDefault(-1), kCFRunLoopRunTimedOut);
    });
}

TEST(RunLoop, SignaledSource_IsServedOnceAndReported) {
    OnFreshThread([] {
        const RecordedSource source;
        CFRunLoopAddSource(CFRunLoopGetCurrent(), source.ref.Get(), kCFRunLoopDefaultMode);
        CFRunLoopSourceSignal(source.ref.Get());
        CFRunLoopSourceSignal(source.ref.Get());
        EXPECT_EQ(RunDefault(kHangGuard, true), kCFRunLoopRunHandledSource);
        EXPECT_EQ(RunDefault(0, true), kCFRunLoopRunTimedOut);
        EXPECT_EQ(source.own_log, (Events{"schedule", "perform"}));
    });
}

TEST(RunLoop, SeveralSignaledSources_AreServedInOrder) {
    OnFreshThread([] {
        Events log;
        RecordedSource second(2, "second ");
        RecordedSource first(1, "first ");
        second.log = first.log = &log;
        for (RecordedSource *source : {&second, &first}) {
            CFRunLoopAddSource(CFRunLoopGetCurrent(), source->ref.Get(), kCFRunLoopDefaultMode);
            CFRunLoopSourceSignal(source->ref.Get());
        }
        log.clear();
        EXPECT_EQ(RunDefault(0), kCFRunLoopRunTimedOut);
        EXPECT_EQ(log, (Events{"first perform", "second perform"}));
    });
}

TEST(RunLoop, StopFromACallback_EndsTheRun) {
    OnFreshThread([] {
        RecordedSource source;
        source.on_perform = [] { CFRunLoopStop(CFRunLoopGetCurrent()); };
        CFRunLoopAddSource(CFRunLoopGetCurrent(), source.ref.Get(), kCFRunLoopDefaultMode);
        CFRunLoopSourceSignal(source.ref.Get());
        CFRunLoopRun();
        EXPECT_EQ(source.own_log, (Events{"schedule", "perform"}));
    });
}

TEST(RunLoop, StopWhenNothingRuns_HasNoEffectLater) {
    OnFreshThread([] {
        const RecordedSource source;
        CFRunLoopAddSource(CFRunLoopGetCurrent(), source.ref.Get(), kCFRunLoopDefaultMode);
        CFRunLoopStop(CFRunLoopGetCurrent());
        EXPECT_EQ(RunDefault(0.01), kCFRunLoopRunTimedOut);
    });
}

TEST(RunLoop, NestedRun_IsStoppedAlone) {
    OnFreshThread([] {
        RecordedSource outer;
        outer.on_perform = [] {
            CFRunLoopPerformBlock(CFRunLoopGetCurrent(), kCFRunLoopDefaultMode,
                                  ^{ CFRunLoopStop(CFRunLoopGetCurrent()); });
            EXPECT_EQ(RunDefault(), kCFRunLoopRunStopped);
        };
        CFRunLoopAddSource(CFRunLoopGetCurrent(), outer.ref.Get(), kCFRunLoopDefaultMode);
        CFRunLoopSourceSignal(outer.ref.Get());
        EXPECT_EQ(RunDefault(kHangGuard, true), kCFRunLoopRunHandledSource);
    });
}

TEST(RunLoop, StopFromAnotherThread_WakesTheRun) {
    CFRunLoopRef const loop = CFRunLoopGetCurrent();
    std::jthread stopper([loop] {
        while (!CFRunLoopIsWaiting(loop)) {
            std::this_thread::yield();
        }
        CFRunLoopStop(loop);
    });
    EXPECT_EQ(RunDefault(), kCFRunLoopRunStopped);
}

TEST(RunLoop, SourceTakenOutByAnotherThread_FinishesTheRun) {
    OnFreshThread([] {
        const RecordedSource source;
        CFRunLoopRef const loop = CFRunLoopGetCurrent();
        CFRunLoopAddSource(loop, source.ref.Get(), kCFRunLoopDefaultMode);
        std::jthread remover([&source, loop] {
            while (!CFRunLoopIsWaiting(loop)) {
                std::this_thread::yield();
            }
            CFRunLoopRemoveSource(loop, source.ref.Get(), kCFRunLoopDefaultMode);
        });
        EXPECT_EQ(RunDefault(), kCFRunLoopRunFinished);
    });
}

TEST(RunLoop, InvalidatedSource_LeavesEveryLoopAndReleasesItsInfo) {
    OnFreshThread([] {
        const RecordedSource source;
        CFRunLoopRef const loop = CFRunLoopGetCurrent();
        CFRunLoopAddSource(loop, source.ref.Get(), kCFRunLoopCommonModes);
        EXPECT_TRUE(CFRunLoopContainsSource(loop, source.ref.Get(), kCFRunLoopDefaultMode));
        CFRunLoopSourceInvalidate(source.ref.Get());
        EXPECT_FALSE(CFRunLoopSourceIsValid(source.ref.Get()));
        EXPECT_FALSE(CFRunLoopContainsSource(loop, source.ref.Get(), kCFRunLoopDefaultMode));
        EXPECT_FALSE(CFRunLoopContainsSource(loop, source.ref.Get(), kCFRunLoopCommonModes));
        CFRunLoopAddSource(loop, source.ref.Get(), kCFRunLoopDefaultMode);
        EXPECT_EQ(RunDefault(), kCFRunLoopRunFinished);
        EXPECT_EQ(CFGetRetainCount(source.ref.Get()), 1);
        EXPECT_EQ(source.own_log, (Events{"schedule", "cancel", "release"}));
    });
}

TEST(RunLoop, SourceInvalidatedByItsCallback_ReleasesItsInfoAfterIt) {
    OnFreshThread([] {
        RecordedSource source;
        source.on_perform = [&source] {
            CFRunLoopSourceInvalidate(source.ref.Get());
            source.Note("done");
        };
        CFRunLoopAddSource(CFRunLoopGetCurrent(), source.ref.Get(), kCFRunLoopDefaultMode);
        CFRunLoopSourceSignal(source.ref.Get());
        EXPECT_EQ(RunDefault(), kCFRunLoopRunFinished);
        EXPECT_EQ(source.own_log, (Events{"schedule", "perform", "cancel", "done", "release"}));
    });
}

TEST(RunLoop, ThreadThatEnds_CancelsItsSources) {
    const RecordedSource source;
    OnFreshThread([&source] {
        CFRunLoopAddSource(CFRunLoopGetCurrent(), source.ref.Get(), kCFRunLoopDefaultMode);
    });
    EXPECT_EQ(source.own_log, (Events{"schedule", "cancel"}));
    EXPECT_EQ(CFGetRetainCount(source.ref.Get()), 1);
}

TEST(RunLoop, NewCommonMode_GetsTheCommonItems) {
    OnFreshThread([] {
        const RecordedSource source;
        CFRunLoopRef const loop = CFRunLoopGetCurrent();
        CFRunLoopAddSource(loop, source.ref.Get(), kCFRunLoopCommonModes);
        CFRunLoopAddCommonMode(loop, CFSTR("modal"));
        EXPECT_TRUE(CFRunLoopContainsSource(loop, source.ref.Get(), CFSTR("modal")));
        CFRunLoopSourceSignal(source.ref.Get());
        EXPECT_EQ(CFRunLoopRunInMode(CFSTR("modal"), kHangGuard, true), kCFRunLoopRunHandledSource);
        CFRunLoopRemoveSource(loop, source.ref.Get(), kCFRunLoopCommonModes);
        EXPECT_EQ(CFRunLoopRunInMode(CFSTR("modal"), kHangGuard, true), kCFRunLoopRunFinished);
    });
}

TEST(RunLoop, CurrentMode_IsThereDuringARun) {
    OnFreshThread([] {
        __block Ref<CFStringRef> mode;
        CFRunLoopPerformBlock(CFRunLoopGetCurrent(), CFSTR("special"), ^{
            mode = Ref<CFStringRef>::Adopt(CFRunLoopCopyCurrentMode(CFRunLoopGetCurrent()));
        });
        EXPECT_EQ(CFRunLoopRunInMode(CFSTR("special"), kHangGuard, false), kCFRunLoopRunFinished);
        ASSERT_TRUE(mode);
        EXPECT_TRUE(CFEqual(mode.Get(), CFSTR("special")));
        EXPECT_EQ(CFRunLoopCopyCurrentMode(CFRunLoopGetCurrent()), nullptr);
    });
}

TEST(RunLoop, BlockFromAnotherThread_RunsAfterWakeUp) {
    OnFreshThread([] {
        const RecordedSource keeps_mode;
        CFRunLoopRef const loop = CFRunLoopGetCurrent();
        CFRunLoopAddSource(loop, keeps_mode.ref.Get(), kCFRunLoopDefaultMode);
        std::thread::id ran_on;
        std::thread::id *const seen = &ran_on;
        std::jthread other([loop, seen] {
            CFRunLoopPerformBlock(loop, kCFRunLoopCommonModes, ^{
                *seen = std::this_thread::get_id();
                CFRunLoopStop(CFRunLoopGetCurrent());
            });
            CFRunLoopWakeUp(loop);
        });
        EXPECT_EQ(RunDefault(), kCFRunLoopRunStopped);
        EXPECT_EQ(ran_on, std::this_thread::get_id());
    });
}

TEST(RunLoopTimer, OneShotTimer_FiresOnceAndIsInvalid) {
    OnFreshThread([] {
        __block int fires = 0;
        const auto timer = Timer::Adopt(
            CFRunLoopTimerCreateWithHandler(nullptr, CFAbsoluteTimeGetCurrent() + 0.01, 0, 0, 0,
                                            ^(CFRunLoopTimerRef) { ++fires; }));
        CFRunLoopAddTimer(CFRunLoopGetCurrent(), timer.Get(), kCFRunLoopDefaultMode);
        EXPECT_EQ(RunDefault(), kCFRunLoopRunFinished);
        EXPECT_EQ(fires, 1);
        EXPECT_FALSE(CFRunLoopTimerIsValid(timer.Get()));
        EXPECT_EQ(CFRunLoopTimerGetNextFireDate(timer.Get()), 0);
        EXPECT_EQ(CFGetRetainCount(timer.Get()), 1);
    });
}

TEST(RunLoopTimer, RepeatingTimer_FiresUntilInvalidated) {
    OnFreshThread([] {
        struct Counter {
            int fires = 0;
            int releases = 0;
        } counter;
        CFRunLoopTimerContext context = {};
        context.info = &counter;
        context.release = [](const void *info) {
            ++const_cast<Counter *>(static_cast<const Counter *>(info))->releases;
        };
        const auto timer = Timer::Adopt(CFRunLoopTimerCreate(
            nullptr, CFAbsoluteTimeGetCurrent(), 0.002, 0, 0,
            [](CFRunLoopTimerRef fired, void *info) {
                if (++static_cast<Counter *>(info)->fires == 3) {
                    CFRunLoopTimerInvalidate(fired);
                    EXPECT_EQ(static_cast<Counter *>(info)->releases, 0);
                }
            },
            &context));
        EXPECT_TRUE(CFRunLoopTimerDoesRepeat(timer.Get()));
        CFRunLoopAddTimer(CFRunLoopGetCurrent(), timer.Get(), kCFRunLoopCommonModes);
        EXPECT_EQ(RunDefault(), kCFRunLoopRunFinished);
        EXPECT_EQ(counter.fires, 3);
        EXPECT_EQ(counter.releases, 1);
    });
}

TEST(RunLoopTimer, MovedByAnotherThread_FiresAtTheNewDate) {
    OnFreshThread([] {
        CFRunLoopRef const loop = CFRunLoopGetCurrent();
        const CFAbsoluteTime far_away = CFAbsoluteTimeGetCurrent() + 1000;
        const auto timer = Timer::Adopt(
            CFRunLoopTimerCreateWithHandler(nullptr, far_away, 0, 0, 0, ^(CFRunLoopTimerRef){}));
        CFRunLoopAddTimer(loop, timer.Get(), kCFRunLoopDefaultMode);
        EXPECT_NEAR(CFRunLoopGetNextTimerFireDate(loop, kCFRunLoopDefaultMode), far_away, 1.0);
        std::jthread mover([&timer, loop] {
            while (!CFRunLoopIsWaiting(loop)) {
                std::this_thread::yield();
            }
            CFRunLoopTimerSetNextFireDate(timer.Get(), 0);
        });
        EXPECT_EQ(RunDefault(), kCFRunLoopRunFinished);
    });
}

TEST(RunLoopTimer, TimerOfAnotherLoop_IsNotAdded) {
    const auto timer = Timer::Adopt(CFRunLoopTimerCreateWithHandler(
        nullptr, CFAbsoluteTimeGetCurrent() + 1000, 0, 0, 0, ^(CFRunLoopTimerRef){}));
    CFRunLoopAddTimer(CFRunLoopGetMain(), timer.Get(), kCFRunLoopDefaultMode);
    OnFreshThread([&timer] {
        CFRunLoopAddTimer(CFRunLoopGetCurrent(), timer.Get(), kCFRunLoopDefaultMode);
        EXPECT_FALSE(
            CFRunLoopContainsTimer(CFRunLoopGetCurrent(), timer.Get(), kCFRunLoopDefaultMode));
    });
    CFRunLoopRemoveTimer(CFRunLoopGetMain(), timer.Get(), kCFRunLoopDefaultMode);
}

// semantics.md 7.3: callbacks arrive on the run loop that has the port's source.
TEST(RunLoopSource, SignalFromAnotherThread_ReachesTheLoopThread) {
    OnFreshThread([] {
        std::thread::id ran_on;
        RunLoopSource source([&ran_on] {
            ran_on = std::this_thread::get_id();
            CFRunLoopStop(CFRunLoopGetCurrent());
        });
        CFRunLoopAddSource(CFRunLoopGetCurrent(), source.Get(), kCFRunLoopDefaultMode);
        std::jthread signaler([&source] { source.Signal(); });
        CFRunLoopRun();
        EXPECT_EQ(ran_on, std::this_thread::get_id());
    });
}

TEST(RunLoopSource, ManySignals_LoseNoWork) {
    OnFreshThread([] {
        constexpr int kSignals = 2000;
        std::atomic<int> posted = 0;
        int served = 0;
        RunLoopSource source([&] {
            served += posted.exchange(0);
            if (served == kSignals) {
                CFRunLoopStop(CFRunLoopGetCurrent());
            }
        });
        CFRunLoopAddSource(CFRunLoopGetCurrent(), source.Get(), kCFRunLoopDefaultMode);
        std::jthread signaler([&] {
            for (int i = 0; i < kSignals; ++i) {
                ++posted;
                source.Signal();
            }
        });
        EXPECT_EQ(RunDefault(), kCFRunLoopRunStopped);
        EXPECT_EQ(served, kSignals);
    });
}

TEST(RunLoopSource, DestroyedWhileItsLoopRuns_EndsTheRun) {
    OnFreshThread([] {
        auto source = std::make_unique<RunLoopSource>([] {});
        CFRunLoopRef const loop = CFRunLoopGetCurrent();
        CFRunLoopAddSource(loop, source->Get(), kCFRunLoopDefaultMode);
        std::jthread destroyer([&source] {
            for (int i = 0; i < 100; ++i) {
                source->Signal();
            }
            source.reset();
        });
        CFRunLoopRun();
    });
}

TEST(RunLoop, MainQueueWork_RunsInTheMainLoop) {
    __block bool ran = false;
    dispatch_async(dispatch_get_global_queue(DISPATCH_QUEUE_PRIORITY_DEFAULT, 0), ^{
        dispatch_async(dispatch_get_main_queue(), ^{
            ran = CFRunLoopGetCurrent() == CFRunLoopGetMain();
            CFRunLoopStop(CFRunLoopGetMain());
        });
    });
    EXPECT_EQ(RunDefault(), kCFRunLoopRunStopped);
    EXPECT_TRUE(ran);
}

TEST(RunLoop, MainQueueWork_CountsAsASource) {
    dispatch_async_f(dispatch_get_main_queue(), nullptr, [](void *) {});
    EXPECT_EQ(RunDefault(kHangGuard, true), kCFRunLoopRunHandledSource);
}

}  // namespace
