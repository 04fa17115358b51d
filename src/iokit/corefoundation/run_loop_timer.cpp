// SPDX-License-Identifier: Apache-2.0
#include "iokit/corefoundation/run_loop_timer.h"

#include <Block.h>

#include <algorithm>
#include <cmath>
#include <tuple>

using opendext::cf::CheckType;
using opendext::cf::ClassInfo;
using opendext::cf::Misuse;
using opendext::cf::Object;
using opendext::cf::Ref;
using opendext::cf::RunLoopMutex;
using opendext::cf::SteadyTime;
using opendext::cf::SteadyTimeAfter;

namespace {

using TimerRef = Ref<CFRunLoopTimerRef>;

void DestroyTimer(const Object *object) {
    auto *const timer =
        const_cast<__CFRunLoopTimer *>(static_cast<const __CFRunLoopTimer *>(object));
    if (timer->valid && timer->context.release != nullptr) {
        timer->context.release(timer->context.info);
    }
    delete timer;
}

constexpr ClassInfo kTimerClass = {
    "CFRunLoopTimer", opendext::cf::kTypeRunLoopTimer, DestroyTimer, nullptr, nullptr, nullptr};

const void *RetainBlock(const void *block) {
    return _Block_copy(block);
}
void ReleaseBlock(const void *block) {
    _Block_release(block);
}

void CallBlock(CFRunLoopTimerRef timer, void *info) {
    reinterpret_cast<void (^)(CFRunLoopTimerRef)>(info)(timer);
}

double SecondsUntil(SteadyTime time) {
    return std::chrono::duration<double>(time - std::chrono::steady_clock::now()).count();
}

std::vector<TimerRef> DueTimers(__CFRunLoop &loop, const std::string &mode) {
    std::vector<TimerRef> due;
    const std::scoped_lock lock(RunLoopMutex());
    const SteadyTime now = std::chrono::steady_clock::now();
    for (CFRunLoopTimerRef timer : loop.modes[mode].timers) {
        if (!timer->firing && timer->fire_time <= now) {
            due.push_back(TimerRef::Retain(timer));
        }
    }
    std::ranges::sort(due, {}, [](const TimerRef &timer) {
        return std::tuple(timer.Get()->fire_time, timer.Get()->order);
    });
    return due;
}

// Sets the next fire of a repeating timer: the next beat of its rhythm that is still to come. The mutex is held.
void Advance(__CFRunLoopTimer &timer, SteadyTime fired_time) {
    if (timer.fire_time != fired_time) {
        return;  // The callback set it.
    }
    const double late = std::max(-SecondsUntil(fired_time), 0.0);
    const double beats = std::floor(late / timer.interval) + 1;
    timer.fire_time = SteadyTimeAfter(beats * timer.interval - late);
}

void Fire(__CFRunLoopTimer &timer) {
    SteadyTime fired_time;
    {
        const std::scoped_lock lock(RunLoopMutex());
        if (!timer.valid || timer.firing || timer.fire_time > std::chrono::steady_clock::now()) {
            return;
        }
        timer.firing = true;
        fired_time = timer.fire_time;
    }
    timer.callout(&timer, timer.context.info);
    if (timer.interval == 0) {
        CFRunLoopTimerInvalidate(&timer);
    }
    bool releases_info = false;
    {
        const std::scoped_lock lock(RunLoopMutex());
        timer.firing = false;
        releases_info = !timer.valid;
        if (timer.interval != 0) {
            Advance(timer, fired_time);
        }
    }
    if (releases_info && timer.context.release != nullptr) {
        timer.context.release(timer.context.info);
    }
}

}  // namespace

namespace opendext::cf {

void FireTimers(__CFRunLoop &loop, const std::string &mode) {
    for (const TimerRef &timer : DueTimers(loop, mode)) {
        Fire(*timer.Get());
    }
}

}  // namespace opendext::cf

CFTypeID CFRunLoopTimerGetTypeID(void) {
    return opendext::cf::kTypeRunLoopTimer;
}

CFRunLoopTimerRef CFRunLoopTimerCreate(CFAllocatorRef /*allocator*/, CFAbsoluteTime fireDate,
                                       CFTimeInterval interval, CFOptionFlags flags, CFIndex order,
                                       CFRunLoopTimerCallBack callout,
                                       CFRunLoopTimerContext *context) {
    if (callout == nullptr || flags != 0 || (context != nullptr && context->version != 0)) {
        Misuse(__func__,
               "the callout must not be NULL, and flags and the context's version must be 0");
    }
    auto *const timer = new __CFRunLoopTimer(kTimerClass, 0, 1);
    timer->order = order;
    timer->interval = interval > 0 ? interval : 0;
    timer->callout = callout;
    timer->fire_time = SteadyTimeAfter(fireDate - CFAbsoluteTimeGetCurrent());
    if (context != nullptr) {
        timer->context = *context;
        if (context->retain != nullptr) {
            timer->context.info = const_cast<void *>(context->retain(context->info));
        }
    }
    return timer;
}

CFRunLoopTimerRef CFRunLoopTimerCreateWithHandler(CFAllocatorRef allocator, CFAbsoluteTime fireDate,
                                                  CFTimeInterval interval, CFOptionFlags flags,
                                                  CFIndex order,
                                                  void (^block)(CFRunLoopTimerRef timer)) {
    if (block == nullptr) {
        Misuse(__func__, "the block is NULL");
    }
    CFRunLoopTimerContext context = {0, reinterpret_cast<void *>(block), RetainBlock, ReleaseBlock,
                                     nullptr};
    return CFRunLoopTimerCreate(allocator, fireDate, interval, flags, order, CallBlock, &context);
}

CFAbsoluteTime CFRunLoopTimerGetNextFireDate(CFRunLoopTimerRef timer) {
    CheckType(__func__, timer, CFRunLoopTimerGetTypeID());
    const std::scoped_lock lock(RunLoopMutex());
    return timer->valid ? CFAbsoluteTimeGetCurrent() + SecondsUntil(timer->fire_time) : 0;
}

void CFRunLoopTimerSetNextFireDate(CFRunLoopTimerRef timer, CFAbsoluteTime fireDate) {
    CheckType(__func__, timer, CFRunLoopTimerGetTypeID());
    const std::scoped_lock lock(RunLoopMutex());
    timer->fire_time = SteadyTimeAfter(fireDate - CFAbsoluteTimeGetCurrent());
    if (!timer->memberships.empty()) {
        timer->memberships.front().loop->Wake();
    }
}

CFTimeInterval CFRunLoopTimerGetInterval(CFRunLoopTimerRef timer) {
    CheckType(__func__, timer, CFRunLoopTimerGetTypeID());
    return timer->interval;
}

Boolean CFRunLoopTimerDoesRepeat(CFRunLoopTimerRef timer) {
    return CFRunLoopTimerGetInterval(timer) != 0;
}

CFIndex CFRunLoopTimerGetOrder(CFRunLoopTimerRef timer) {
    CheckType(__func__, timer, CFRunLoopTimerGetTypeID());
    return timer->order;
}

Boolean CFRunLoopTimerIsValid(CFRunLoopTimerRef timer) {
    CheckType(__func__, timer, CFRunLoopTimerGetTypeID());
    const std::scoped_lock lock(RunLoopMutex());
    return timer->valid;
}

CFAbsoluteTime CFRunLoopGetNextTimerFireDate(CFRunLoopRef rl, CFRunLoopMode mode) {
    CheckType(__func__, rl, CFRunLoopGetTypeID());
    const std::string name = opendext::cf::ModeName(__func__, mode);
    const std::scoped_lock lock(RunLoopMutex());
    const auto found = rl->modes.find(name);
    if (found == rl->modes.end() || found->second.timers.empty()) {
        return 0;
    }
    const auto first = std::ranges::min_element(
        found->second.timers, {}, [](CFRunLoopTimerRef timer) { return timer->fire_time; });
    return CFAbsoluteTimeGetCurrent() + SecondsUntil((*first)->fire_time);
}
