// SPDX-License-Identifier: Apache-2.0
#include <Block.h>

#include <algorithm>
#include <optional>

#include "iokit/corefoundation/main_queue.h"
#include "iokit/corefoundation/run_loop_state.h"
#include "iokit/corefoundation/run_loop_timer.h"

using opendext::cf::ActiveRun;
using opendext::cf::PendingBlock;
using opendext::cf::Ref;
using opendext::cf::RunLoopMutex;
using opendext::cf::SteadyTime;

namespace {

using SourceRef = Ref<CFRunLoopSourceRef>;

// One CFRunLoopRunInMode. Used on the loop's own thread; no callback is called with the mutex held.
class ModeRun {
public:
    ModeRun(__CFRunLoop &loop, const std::string &mode, CFTimeInterval seconds,
            bool returns_after_source)
        : loop_(loop),
          deadline_(opendext::cf::SteadyTimeAfter(seconds)),
          returns_after_source_(returns_after_source) {
        run_.mode = mode;
        polls_ = seconds <= 0;
    }

    CFRunLoopRunResult Run() {
        {
            const std::scoped_lock lock(RunLoopMutex());
            if (IsEmpty()) {
                return kCFRunLoopRunFinished;
            }
            run_.outer = std::exchange(loop_.run, &run_);
        }
        std::optional<CFRunLoopRunResult> result;
        while (!result) {
            result = Judge(PassOnce());
        }
        const std::scoped_lock lock(RunLoopMutex());
        loop_.run = run_.outer;
        return *result;
    }

private:
    bool ServesMainQueue() const {
        return loop_.is_main && loop_.common_modes.contains(run_.mode) &&
               !opendext::cf::IsInMainWork();
    }

    bool Wants(const PendingBlock &pending) const {
        return pending.modes.contains(run_.mode) ||
               (loop_.common_modes.contains(run_.mode) &&
                std::ranges::any_of(pending.modes, opendext::cf::IsCommonModes));
    }

    // The mutex is held.
    bool IsEmpty() const {
        const auto found = loop_.modes.find(run_.mode);
        if (found == loop_.modes.end()) {
            return true;
        }
        return !ServesMainQueue() && found->second.sources.empty() &&
               found->second.timers.empty() &&
               std::ranges::none_of(loop_.blocks,
                                    [this](const PendingBlock &each) { return Wants(each); });
    }

    // Serves what is due, and waits once if no source was. True if a source was served.
    bool PassOnce() {
        RunBlocks();
        bool served = ServeSources();
        if (served) {
            RunBlocks();
        }
        served = ServeMain() || served;
        if (!served && !polls_) {
            Wait();
        }
        opendext::cf::FireTimers(loop_, run_.mode);
        served = ServeMain() || served;
        RunBlocks();
        return served;
    }

    std::optional<CFRunLoopRunResult> Judge(bool served) const {
        if (served && returns_after_source_) {
            return kCFRunLoopRunHandledSource;
        }
        if (polls_ || std::chrono::steady_clock::now() >= deadline_) {
            return kCFRunLoopRunTimedOut;
        }
        const std::scoped_lock lock(RunLoopMutex());
        if (run_.stopped) {
            return kCFRunLoopRunStopped;
        }
        return IsEmpty() ? std::optional(kCFRunLoopRunFinished) : std::nullopt;
    }

    void RunBlocks() {
        std::deque<PendingBlock> taken;
        {
            const std::scoped_lock lock(RunLoopMutex());
            std::deque<PendingBlock> kept;
            for (PendingBlock &pending : loop_.blocks) {
                (Wants(pending) ? taken : kept).push_back(std::move(pending));
            }
            loop_.blocks.swap(kept);
        }
        for (const PendingBlock &pending : taken) {
            pending.block();
            Block_release(pending.block);
        }
    }

    std::vector<SourceRef> SignaledSources() {
        std::vector<SourceRef> signaled;
        const std::scoped_lock lock(RunLoopMutex());
        for (CFRunLoopSourceRef source : loop_.modes[run_.mode].sources) {
            if (source->signaled) {
                const auto place = std::ranges::upper_bound(
                    signaled, source->order, {},
                    [](const SourceRef &each) { return each.Get()->order; });
                signaled.insert(place, SourceRef::Retain(source));
            }
        }
        return signaled;
    }

    bool ServeSources() {
        bool served = false;
        for (const SourceRef &source : SignaledSources()) {
            served = Serve(*source.Get()) || served;
            if (served && returns_after_source_) {
                break;
            }
        }
        return served;
    }

    static bool Serve(__CFRunLoopSource &source) {
        {
            const std::scoped_lock lock(RunLoopMutex());
            if (!source.valid || !source.signaled) {
                return false;
            }
            source.signaled = false;
            ++source.calls;
        }
        source.context.perform(source.context.info);
        bool releases_info = false;
        {
            const std::scoped_lock lock(RunLoopMutex());
            releases_info = --source.calls == 0 && !source.valid;
        }
        if (releases_info && source.context.release != nullptr) {
            source.context.release(source.context.info);
        }
        return true;
    }

    bool ServeMain() {
        bool serves = false;
        {
            const std::scoped_lock lock(RunLoopMutex());
            serves = ServesMainQueue();
        }
        return serves && opendext::cf::ServeMainQueue();
    }

    void Wait() {
        std::unique_lock lock(RunLoopMutex());
        if (IsEmpty()) {
            return;  // What was served was the last there was.
        }
        SteadyTime until = deadline_;
        for (CFRunLoopTimerRef timer : loop_.modes[run_.mode].timers) {
            if (!timer->firing) {
                until = std::min(until, timer->fire_time);
            }
        }
        loop_.waiting = true;
        loop_.wake.wait_until(lock, until, [this] { return loop_.wake_requested || run_.stopped; });
        loop_.waiting = false;
        loop_.wake_requested = false;
    }

    __CFRunLoop &loop_;
    ActiveRun run_;
    const SteadyTime deadline_;
    const bool returns_after_source_;
    bool polls_ = false;
};

}  // namespace

void CFRunLoopRun(void) {
    constexpr CFTimeInterval kForever = 1.0e10;
    CFRunLoopRunResult result = kCFRunLoopRunTimedOut;
    while (result != kCFRunLoopRunStopped && result != kCFRunLoopRunFinished) {
        result = CFRunLoopRunInMode(kCFRunLoopDefaultMode, kForever, false);
    }
}

CFRunLoopRunResult CFRunLoopRunInMode(CFRunLoopMode mode, CFTimeInterval seconds,
                                      Boolean returnAfterSourceHandled) {
    const std::string name = opendext::cf::ModeName(__func__, mode);
    if (opendext::cf::IsCommonModes(name)) {
        return kCFRunLoopRunFinished;
    }
    return ModeRun(*CFRunLoopGetCurrent(), name, seconds, returnAfterSourceHandled != 0).Run();
}
