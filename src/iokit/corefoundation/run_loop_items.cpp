// SPDX-License-Identifier: Apache-2.0
#include "iokit/corefoundation/run_loop_items.h"

#include <algorithm>

#include "iokit/corefoundation/string.h"

using opendext::cf::CheckType;
using opendext::cf::IsCommonModes;
using opendext::cf::Membership;
using opendext::cf::Ref;
using opendext::cf::RunLoopModeState;
using opendext::cf::RunLoopMutex;

namespace {

std::vector<CFRunLoopSourceRef> &ListOf(RunLoopModeState &mode, CFRunLoopSourceRef) {
    return mode.sources;
}
std::vector<CFRunLoopTimerRef> &ListOf(RunLoopModeState &mode, CFRunLoopTimerRef) {
    return mode.timers;
}

template <typename Item>
bool Contains(const std::vector<Item> &items, Item item) {
    return std::ranges::find(items, item) != items.end();
}

// Adds an item to a real mode, with a reference; false if it is there.
template <typename Item>
bool Insert(__CFRunLoop &loop, const std::string &mode, Item item) {
    std::vector<Item> &items = ListOf(loop.modes[mode], item);
    if (Contains(items, item)) {
        return false;
    }
    CFRetain(item);
    items.push_back(item);
    item->memberships.push_back({&loop, mode});
    return true;
}

// Takes an item out of a real mode and leaves the mode's reference to the caller; false if it is not there.
template <typename Item>
bool Extract(__CFRunLoop &loop, const std::string &mode, Item item) {
    const auto found = loop.modes.find(mode);
    if (found == loop.modes.end() || std::erase(ListOf(found->second, item), item) == 0) {
        return false;
    }
    std::erase(item->memberships, Membership{&loop, mode});
    return true;
}

// Adds an item to a mode or to all common modes; returns the real modes that are new to it.
template <typename Item>
std::vector<std::string> Add(__CFRunLoop &loop, const std::string &mode, Item item) {
    std::vector<std::string> added;
    if (!IsCommonModes(mode)) {
        if (Insert(loop, mode, item)) {
            added.push_back(mode);
        }
        return added;
    }
    std::vector<Item> &common = ListOf(loop.common_items, item);
    if (Contains(common, item)) {
        return added;
    }
    CFRetain(item);
    common.push_back(item);
    for (const std::string &name : loop.common_modes) {
        if (Insert(loop, name, item)) {
            added.push_back(name);
        }
    }
    return added;
}

struct Removal {
    std::vector<std::string> modes;  // The real modes that it left.
    std::size_t references = 0;      // To be dropped by the caller, without the mutex.
};

// Takes an item out of a mode or of all common modes. The mutex is held.
template <typename Item>
Removal Remove(__CFRunLoop &loop, const std::string &mode, Item item) {
    Removal removal;
    std::vector<std::string> modes = {mode};
    if (IsCommonModes(mode)) {
        if (std::erase(ListOf(loop.common_items, item), item) == 0) {
            return removal;
        }
        ++removal.references;
        modes.assign(loop.common_modes.begin(), loop.common_modes.end());
    }
    for (const std::string &name : modes) {
        if (Extract(loop, name, item)) {
            ++removal.references;
            removal.modes.push_back(name);
        }
    }
    loop.Wake();
    return removal;
}

template <typename Item>
void DropReferences(Item item, std::size_t references) {
    for (std::size_t i = 0; i < references; ++i) {
        CFRelease(item);
    }
}

template <typename Item>
bool IsIn(__CFRunLoop &loop, const std::string &mode, Item item) {
    if (IsCommonModes(mode)) {
        return Contains(ListOf(loop.common_items, item), item);
    }
    const auto found = loop.modes.find(mode);
    return found != loop.modes.end() && Contains(ListOf(found->second, item), item);
}

// Keeps a loop for its `cancel`, after the mutex. False if its last reference is gone: then its destruction
// waits for the mutex, and nobody can be told of the loop any more.
bool TryRetain(__CFRunLoop &loop) {
    std::uint32_t references = loop.references.load(std::memory_order_relaxed);
    if (references == opendext::cf::kImmortalReferences) {
        return loop.is_main;
    }
    while (references != 0) {
        if (loop.references.compare_exchange_weak(references, references + 1,
                                                  std::memory_order_relaxed)) {
            return true;
        }
    }
    return false;
}

__CFRunLoop &CheckedLoop(const char *function, CFRunLoopRef loop) {
    CheckType(function, loop, CFRunLoopGetTypeID());
    return *loop;
}

}  // namespace

namespace opendext::cf {

std::vector<CFRunLoopSourceRef> CopyCommonItemsTo(__CFRunLoop &loop, const std::string &mode) {
    std::vector<CFRunLoopSourceRef> added;
    for (CFRunLoopSourceRef source : loop.common_items.sources) {
        if (Insert(loop, mode, source)) {
            CFRetain(source);
            added.push_back(source);
        }
    }
    for (CFRunLoopTimerRef timer : loop.common_items.timers) {
        Insert(loop, mode, timer);
    }
    return added;
}

void DropCommonItems(__CFRunLoop &loop) {
    RunLoopModeState dropped;
    {
        const std::scoped_lock lock(RunLoopMutex());
        dropped = std::exchange(loop.common_items, {});
    }
    std::ranges::for_each(dropped.sources, CFRelease);
    std::ranges::for_each(dropped.timers, CFRelease);
}

void DropModeItems(__CFRunLoop &loop, const std::string &mode) {
    RunLoopModeState dropped;
    {
        const std::scoped_lock lock(RunLoopMutex());
        dropped = std::exchange(loop.modes[mode], {});
        for (CFRunLoopSourceRef source : dropped.sources) {
            std::erase(source->memberships, Membership{&loop, mode});
        }
        for (CFRunLoopTimerRef timer : dropped.timers) {
            std::erase(timer->memberships, Membership{&loop, mode});
        }
    }
    for (CFRunLoopSourceRef source : dropped.sources) {
        TellCancelled(source, &loop, mode);
        CFRelease(source);
    }
    std::ranges::for_each(dropped.timers, CFRelease);
}

void TellScheduled(CFRunLoopSourceRef source, CFRunLoopRef loop, const std::string &mode) {
    if (source->context.schedule != nullptr) {
        const auto name = Ref<CFStringRef>::Adopt(NewString(std::string_view(mode)));
        source->context.schedule(source->context.info, loop, name.Get());
    }
}

void TellCancelled(CFRunLoopSourceRef source, CFRunLoopRef loop, const std::string &mode) {
    if (source->context.cancel != nullptr) {
        const auto name = Ref<CFStringRef>::Adopt(NewString(std::string_view(mode)));
        source->context.cancel(source->context.info, loop, name.Get());
    }
}

}  // namespace opendext::cf

void CFRunLoopAddSource(CFRunLoopRef rl, CFRunLoopSourceRef source, CFRunLoopMode mode) {
    __CFRunLoop &loop = CheckedLoop(__func__, rl);
    CheckType(__func__, source, CFRunLoopSourceGetTypeID());
    const std::string name = opendext::cf::ModeName(__func__, mode);
    std::vector<std::string> added;
    {
        const std::scoped_lock lock(RunLoopMutex());
        if (source->valid) {
            added = Add(loop, name, source);
        }
    }
    for (const std::string &each : added) {
        opendext::cf::TellScheduled(source, rl, each);
    }
}

void CFRunLoopRemoveSource(CFRunLoopRef rl, CFRunLoopSourceRef source, CFRunLoopMode mode) {
    __CFRunLoop &loop = CheckedLoop(__func__, rl);
    CheckType(__func__, source, CFRunLoopSourceGetTypeID());
    const std::string name = opendext::cf::ModeName(__func__, mode);
    Removal removal;
    {
        const std::scoped_lock lock(RunLoopMutex());
        removal = Remove(loop, name, source);
    }
    for (const std::string &each : removal.modes) {
        opendext::cf::TellCancelled(source, rl, each);
    }
    DropReferences(source, removal.references);
}

Boolean CFRunLoopContainsSource(CFRunLoopRef rl, CFRunLoopSourceRef source, CFRunLoopMode mode) {
    __CFRunLoop &loop = CheckedLoop(__func__, rl);
    CheckType(__func__, source, CFRunLoopSourceGetTypeID());
    const std::string name = opendext::cf::ModeName(__func__, mode);
    const std::scoped_lock lock(RunLoopMutex());
    return IsIn(loop, name, source);
}

void CFRunLoopAddTimer(CFRunLoopRef rl, CFRunLoopTimerRef timer, CFRunLoopMode mode) {
    __CFRunLoop &loop = CheckedLoop(__func__, rl);
    CheckType(__func__, timer, CFRunLoopTimerGetTypeID());
    const std::string name = opendext::cf::ModeName(__func__, mode);
    const std::scoped_lock lock(RunLoopMutex());
    const bool is_elsewhere =
        !timer->memberships.empty() && timer->memberships.front().loop != &loop;
    if (timer->valid && !is_elsewhere) {
        Add(loop, name, timer);
        loop.Wake();
    }
}

void CFRunLoopRemoveTimer(CFRunLoopRef rl, CFRunLoopTimerRef timer, CFRunLoopMode mode) {
    __CFRunLoop &loop = CheckedLoop(__func__, rl);
    CheckType(__func__, timer, CFRunLoopTimerGetTypeID());
    const std::string name = opendext::cf::ModeName(__func__, mode);
    Removal removal;
    {
        const std::scoped_lock lock(RunLoopMutex());
        removal = Remove(loop, name, timer);
    }
    DropReferences(timer, removal.references);
}

Boolean CFRunLoopContainsTimer(CFRunLoopRef rl, CFRunLoopTimerRef timer, CFRunLoopMode mode) {
    __CFRunLoop &loop = CheckedLoop(__func__, rl);
    CheckType(__func__, timer, CFRunLoopTimerGetTypeID());
    const std::string name = opendext::cf::ModeName(__func__, mode);
    const std::scoped_lock lock(RunLoopMutex());
    return IsIn(loop, name, timer);
}

void CFRunLoopSourceInvalidate(CFRunLoopSourceRef source) {
    CheckType(__func__, source, CFRunLoopSourceGetTypeID());
    std::vector<Membership> left;
    std::size_t references = 0;
    bool releases_info = false;
    {
        const std::scoped_lock lock(RunLoopMutex());
        if (!source->valid) {
            return;
        }
        source->valid = false;
        releases_info = source->calls == 0;
        for (const Membership &membership : std::vector<Membership>(source->memberships)) {
            references += std::erase(membership.loop->common_items.sources, source);
            references += Extract(*membership.loop, membership.mode, source) ? 1 : 0;
            membership.loop->Wake();
            if (TryRetain(*membership.loop)) {
                left.push_back(membership);
            }
        }
    }
    for (const Membership &membership : left) {
        opendext::cf::TellCancelled(source, membership.loop, membership.mode);
        CFRelease(membership.loop);
    }
    if (releases_info && source->context.release != nullptr) {
        source->context.release(source->context.info);
    }
    DropReferences(source, references);
}

void CFRunLoopTimerInvalidate(CFRunLoopTimerRef timer) {
    CheckType(__func__, timer, CFRunLoopTimerGetTypeID());
    std::size_t references = 0;
    bool releases_info = false;
    {
        const std::scoped_lock lock(RunLoopMutex());
        if (!timer->valid) {
            return;
        }
        timer->valid = false;
        releases_info = !timer->firing;
        for (const Membership &membership : std::vector<Membership>(timer->memberships)) {
            references += std::erase(membership.loop->common_items.timers, timer);
            references += Extract(*membership.loop, membership.mode, timer) ? 1 : 0;
            membership.loop->Wake();
        }
    }
    if (releases_info && timer->context.release != nullptr) {
        timer->context.release(timer->context.info);
    }
    DropReferences(timer, references);
}
