// SPDX-License-Identifier: Apache-2.0
#include <Block.h>
#include <unistd.h>

#include <algorithm>

#include "iokit/corefoundation/main_queue.h"
#include "iokit/corefoundation/run_loop_items.h"
#include "iokit/corefoundation/run_loop_state.h"
#include "iokit/corefoundation/string.h"

using opendext::cf::CheckType;
using opendext::cf::ClassInfo;
using opendext::cf::Misuse;
using opendext::cf::Object;
using opendext::cf::RunLoopModeState;
using opendext::cf::RunLoopMutex;

namespace {

// Takes a loop that nobody can reach any more out of what it had, and tells the sources.
void DestroyRunLoop(const Object *object) {
    auto *const loop = const_cast<__CFRunLoop *>(static_cast<const __CFRunLoop *>(object));
    std::vector<std::string> modes;
    {
        const std::scoped_lock lock(RunLoopMutex());
        for (const auto &entry : loop->modes) {
            modes.push_back(entry.first);
        }
    }
    opendext::cf::DropCommonItems(*loop);
    for (const std::string &mode : modes) {
        opendext::cf::DropModeItems(*loop, mode);
    }
    for (const opendext::cf::PendingBlock &pending : loop->blocks) {
        Block_release(pending.block);
    }
    delete loop;
}

constexpr ClassInfo kRunLoopClass = {
    "CFRunLoop", opendext::cf::kTypeRunLoop, DestroyRunLoop, nullptr, nullptr, nullptr};

// The thread's reference to its run loop.
struct ThreadRunLoop {
    ThreadRunLoop() = default;
    ThreadRunLoop(const ThreadRunLoop &) = delete;
    ThreadRunLoop &operator=(const ThreadRunLoop &) = delete;
    ~ThreadRunLoop() {
        if (loop != nullptr) {
            CFRelease(loop);
        }
    }
    CFRunLoopRef loop = nullptr;
};

__CFRunLoop &Checked(const char *function, CFRunLoopRef loop) {
    CheckType(function, loop, CFRunLoopGetTypeID());
    return *loop;
}

void AddModeNames(const char *function, CFTypeRef mode, std::set<std::string> &names) {
    if (mode != nullptr && CFGetTypeID(mode) == CFArrayGetTypeID()) {
        const auto modes = static_cast<CFArrayRef>(mode);
        for (CFIndex i = 0; i < CFArrayGetCount(modes); ++i) {
            AddModeNames(function, CFArrayGetValueAtIndex(modes, i), names);
        }
        return;
    }
    names.insert(opendext::cf::ModeName(function, static_cast<CFStringRef>(mode)));
}

}  // namespace

const CFRunLoopMode kCFRunLoopDefaultMode = CFSTR("kCFRunLoopDefaultMode");
const CFRunLoopMode kCFRunLoopCommonModes = CFSTR("kCFRunLoopCommonModes");

__CFRunLoop::__CFRunLoop(std::uint32_t initial_references)
    : Object(kRunLoopClass, 0, initial_references),
      is_main(initial_references == opendext::cf::kImmortalReferences) {
    const std::string default_mode = opendext::cf::ToUtf8(kCFRunLoopDefaultMode);
    common_modes.insert(default_mode);
    modes.emplace(default_mode, RunLoopModeState{});
}

void __CFRunLoop::Wake() {
    wake_requested = true;
    wake.notify_one();
}

namespace opendext::cf {

std::mutex &RunLoopMutex() {
    static constinit std::mutex mutex;
    return mutex;
}

SteadyTime SteadyTimeAfter(CFTimeInterval seconds) {
    constexpr CFTimeInterval kFarAway = 1.0e9;
    // NaN goes to the far past.
    const CFTimeInterval kept = seconds > -kFarAway ? std::min(seconds, kFarAway) : -kFarAway;
    const auto delay = std::chrono::duration_cast<std::chrono::steady_clock::duration>(
        std::chrono::duration<double>(kept));
    return std::chrono::steady_clock::now() + delay;
}

std::string ModeName(const char *function, CFRunLoopMode mode) {
    CheckType(function, mode, CFStringGetTypeID());
    return ToUtf8(mode);
}

bool IsCommonModes(const std::string &mode) {
    return mode == "kCFRunLoopCommonModes";
}

void WakeMainRunLoop() {
    CFRunLoopWakeUp(CFRunLoopGetMain());
}

}  // namespace opendext::cf

CFTypeID CFRunLoopGetTypeID(void) {
    return opendext::cf::kTypeRunLoop;
}

CFRunLoopRef CFRunLoopGetCurrent(void) {
    if (opendext::cf::IsMainThread()) {
        return CFRunLoopGetMain();
    }
    thread_local ThreadRunLoop current;
    if (current.loop == nullptr) {
        current.loop = new __CFRunLoop(1);
    }
    return current.loop;
}

CFRunLoopRef CFRunLoopGetMain(void) {
    static CFRunLoopRef const main_loop = new __CFRunLoop(opendext::cf::kImmortalReferences);
    return main_loop;
}

CFRunLoopMode CFRunLoopCopyCurrentMode(CFRunLoopRef rl) {
    __CFRunLoop &loop = Checked(__func__, rl);
    const std::scoped_lock lock(RunLoopMutex());
    return loop.run == nullptr ? nullptr
                               : opendext::cf::NewString(std::string_view(loop.run->mode));
}

void CFRunLoopAddCommonMode(CFRunLoopRef rl, CFRunLoopMode mode) {
    __CFRunLoop &loop = Checked(__func__, rl);
    const std::string name = opendext::cf::ModeName(__func__, mode);
    std::vector<CFRunLoopSourceRef> sources;
    {
        const std::scoped_lock lock(RunLoopMutex());
        if (opendext::cf::IsCommonModes(name) || !loop.common_modes.insert(name).second) {
            return;
        }
        loop.modes.try_emplace(name);
        sources = opendext::cf::CopyCommonItemsTo(loop, name);
    }
    for (CFRunLoopSourceRef source : sources) {
        opendext::cf::TellScheduled(source, rl, name);
        CFRelease(source);
    }
}

Boolean CFRunLoopIsWaiting(CFRunLoopRef rl) {
    __CFRunLoop &loop = Checked(__func__, rl);
    const std::scoped_lock lock(RunLoopMutex());
    return loop.waiting;
}

void CFRunLoopWakeUp(CFRunLoopRef rl) {
    __CFRunLoop &loop = Checked(__func__, rl);
    const std::scoped_lock lock(RunLoopMutex());
    loop.Wake();
}

void CFRunLoopStop(CFRunLoopRef rl) {
    __CFRunLoop &loop = Checked(__func__, rl);
    const std::scoped_lock lock(RunLoopMutex());
    if (loop.run != nullptr) {
        loop.run->stopped = true;
        loop.Wake();
    }
}

void CFRunLoopPerformBlock(CFRunLoopRef rl, CFTypeRef mode, void (^block)(void)) {
    __CFRunLoop &loop = Checked(__func__, rl);
    if (block == nullptr) {
        Misuse(__func__, "the block is NULL");
    }
    opendext::cf::PendingBlock pending = {{}, Block_copy(block)};
    AddModeNames(__func__, mode, pending.modes);
    const std::scoped_lock lock(RunLoopMutex());
    for (const std::string &name : pending.modes) {
        if (!opendext::cf::IsCommonModes(name)) {
            loop.modes.try_emplace(name);
        }
    }
    loop.blocks.push_back(std::move(pending));
}
