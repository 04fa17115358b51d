// SPDX-License-Identifier: Apache-2.0
#include "runtime/diagnostics/call_site.h"

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <ucontext.h>
#include <unwind.h>
#include <span>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "base/symbolizer.h"
#include "runtime/diagnostics/driver_images.h"

namespace opendext::diagnostics {

namespace {

/// A function of the runtime is this close to its caller, or it was called in another way.
constexpr int kMostFrames = 16;

/// Without source lines more would only be long.
constexpr size_t kMostDescribed = 3;

/// The entries of the runtime are short: a call in one of them is this close to its start.
constexpr uintptr_t kLongestFunction = 4096;

/// What a function that keeps its frame pointer has at that address, on x86-64 and arm64.
struct StackFrame {
    const StackFrame *caller;
    uintptr_t return_address;
};

/// The stack of the calling thread. Empty when the system does not say.
struct StackBounds {
    uintptr_t low = 0;
    uintptr_t high = 0;

    static StackBounds OfThisThread() {
        StackBounds bounds;
        pthread_attr_t attributes;
        if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
            void *address = nullptr;
            size_t num_bytes = 0;
            pthread_attr_getstack(&attributes, &address, &num_bytes);
            pthread_attr_destroy(&attributes);
            bounds.low = reinterpret_cast<uintptr_t>(address);
            bounds.high = bounds.low + num_bytes;
        }
        return bounds;
    }

    [[nodiscard]] bool Hold(const StackFrame *frame) const {
        const auto address = reinterpret_cast<uintptr_t>(frame);
        return address % alignof(StackFrame) == 0 && address >= low &&
               address < high - sizeof(StackFrame) && high != 0;
    }
};

const StackBounds &BoundsOfThisThread() {
    static thread_local const StackBounds bounds = StackBounds::OfThisThread();
    return bounds;
}

bool IsCallIn(uintptr_t function, uintptr_t return_address) {
    return return_address - function < kLongestFunction &&
           reinterpret_cast<uintptr_t>(_Unwind_FindEnclosingFunction(
               reinterpret_cast<void *>(return_address - 1))) == function;
}

/// Follows the frame pointers: a few nanoseconds. @return whether it came past the function.
[[gnu::noinline]] bool FollowFramePointers(uintptr_t function, CallSite &site) {
    const StackBounds &bounds = BoundsOfThisThread();
    const auto *frame = static_cast<const StackFrame *>(__builtin_frame_address(0));
    bool is_past = false;
    size_t num_callers = 0;
    for (int i = 0; i < kMostFrames && bounds.Hold(frame); ++i) {
        if (is_past) {
            site.frames[num_callers++] = frame->return_address;
            if (num_callers == site.frames.size()) {
                break;
            }
        }
        is_past = is_past || IsCallIn(function, frame->return_address);
        if (frame->caller <= frame) {
            break;
        }
        frame = frame->caller;
    }
    return is_past;
}

/// Adds the callers from `frame` on that are a driver's code, behind the `num_found` that are there.
[[gnu::noinline, clang::no_sanitize("address", "thread")]] void CollectDriverFrames(
    const StackFrame *frame, CallSite &site, size_t num_found) {
    constexpr int kMostOfDriver = 24;
    const StackBounds &bounds = BoundsOfThisThread();
    for (int i = 0; i < kMostOfDriver && num_found < site.frames.size() && bounds.Hold(frame);
         ++i) {
        if (IsDriverCode(frame->return_address)) {
            site.frames[num_found++] = frame->return_address;
        }
        if (frame->caller <= frame) {
            break;
        }
        frame = frame->caller;
    }
}

/// Where a thread was when a signal came.
struct Interrupted {
    uintptr_t instruction = 0;
    uintptr_t stack = 0;
    const StackFrame *frame = nullptr;
};

Interrupted InterruptedBy(const ucontext_t &context) {
#if defined(__x86_64__)
    const auto &registers = context.uc_mcontext.gregs;
    return {.instruction = static_cast<uintptr_t>(registers[REG_RIP]),
            .stack = static_cast<uintptr_t>(registers[REG_RSP]),
            .frame = reinterpret_cast<const StackFrame *>(registers[REG_RBP])};
#elif defined(__aarch64__)
    return {.instruction = context.uc_mcontext.pc,
            .stack = context.uc_mcontext.sp,
            .frame = reinterpret_cast<const StackFrame *>(context.uc_mcontext.regs[29])};
#endif
}

struct Unwinding {
    uintptr_t function = 0;
    CallSite *site = nullptr;
    int num_frames = 0;
    size_t num_callers = 0;
    bool is_past = false;
};

_Unwind_Reason_Code TakeFrame(_Unwind_Context *context, void *argument) {
    auto &unwinding = *static_cast<Unwinding *>(argument);
    CallSite &site = *unwinding.site;
    if (unwinding.is_past) {
        site.frames[unwinding.num_callers++] = _Unwind_GetIP(context);
        return unwinding.num_callers == site.frames.size() ? _URC_END_OF_STACK : _URC_NO_REASON;
    }
    unwinding.is_past = _Unwind_GetRegionStart(context) == unwinding.function;
    return ++unwinding.num_frames < kMostFrames ? _URC_NO_REASON : _URC_END_OF_STACK;
}

std::string DescribeFrame(uintptr_t return_address) {
    Dl_info info = {};
    // The call is before the address: that may be the next function's.
    if (dladdr(reinterpret_cast<void *>(return_address - 1), &info) == 0) {
        return fmt::format("{:#x}", return_address);
    }
    const std::string_view file = info.dli_fname;
    const std::string place =
        fmt::format("{}+{:#x}", file.substr(file.rfind('/') + 1),
                    return_address - reinterpret_cast<uintptr_t>(info.dli_fbase));
    if (info.dli_sname == nullptr) {
        return place;
    }
    return fmt::format("{}+{:#x} ({})", Demangled(info.dli_sname),
                       return_address - reinterpret_cast<uintptr_t>(info.dli_saddr), place);
}

/// The file of an address and the offset that its debug information is looked up by; empty: not known.
CodeAddress LookUp(uintptr_t return_address) {
    Dl_info info = {};
    link_map *map = nullptr;
    // The call is before the address.
    if (dladdr1(reinterpret_cast<void *>(return_address - 1), &info,
                reinterpret_cast<void **>(&map), RTLD_DL_LINKMAP) == 0) {
        return {};
    }
    return {.image = info.dli_fname,
            .offset = fmt::format("{:#x}", return_address - 1 - map->l_addr)};
}

/// What a call goes through that its author has not written: iig's code, and SUPERDISPATCH.
bool IsOfTheSystem(const CodePlace &place) {
    return place.source.find(".iig.cpp:") != std::string::npos ||
           place.function.find("operator()(OSMetaClassBase*, IORPC)") != std::string::npos;
}

/// The innermost one that says something: "Driver::Start(IOService*) at Driver.cpp:45", or empty.
std::string DescribePlace(const std::vector<CodePlace> &places) {
    for (const CodePlace &place : places) {
        if (!place.function.empty() && !place.source.empty() && !IsPlumbing(place.function) &&
            !IsOfTheSystem(place)) {
            return fmt::format("{} at {}", place.function, place.source);
        }
    }
    return {};
}

}  // namespace

CallSite CallSite::CallersOf(uintptr_t function) {
    CallSite site;
    if (!FollowFramePointers(function, site)) {
        Unwinding unwinding{.function = function, .site = &site};
        _Unwind_Backtrace(TakeFrame, &unwinding);
    }
    return site;
}

CallSite CallSite::OfDriver() {
    CallSite site;
    if (IsAnyDriverLoaded()) {
        CollectDriverFrames(static_cast<const StackFrame *>(__builtin_frame_address(0)), site, 0);
    }
    return site;
}

// Not checked: what is on top of a stack may be between the variables of its function.
[[clang::no_sanitize("address", "thread")]] CallSite CallSite::OfDriverAt(const void *context) {
    CallSite site;
    const Interrupted code = InterruptedBy(*static_cast<const ucontext_t *>(context));
    size_t num_found = 0;
    if (IsDriverCode(code.instruction)) {
        site.frames[num_found++] = code.instruction + 1;
    } else if (BoundsOfThisThread().Hold(reinterpret_cast<const StackFrame *>(code.stack))) {
        // A function of the C library that has no frame of its own: its caller is on top of the stack.
        const uintptr_t caller = *reinterpret_cast<const uintptr_t *>(code.stack);
        if (IsDriverCode(caller)) {
            site.frames[num_found++] = caller;
        }
    }
    CollectDriverFrames(code.frame, site, num_found);
    return site;
}

std::string CallSite::DescribeWithLines() const {
    std::vector<CodeAddress> addresses;
    for (const uintptr_t frame : frames) {
        if (frame != 0) {
            addresses.push_back(LookUp(frame));
        }
    }
    const std::vector<std::vector<CodePlace>> places = FindPlaces(addresses);
    std::string text;
    for (size_t i = 0; i < addresses.size(); ++i) {
        if (const std::string place = DescribePlace(places[i]); !place.empty()) {
            text += (text.empty() ? "" : " from ") + place;
        }
    }
    return text.empty() ? Describe() : text;
}

std::string CallSite::Describe() const {
    std::string text;
    for (const uintptr_t frame : std::span(frames).first(kMostDescribed)) {
        if (frame != 0) {
            text += (text.empty() ? "" : " from ") + DescribeFrame(frame);
        }
    }
    return text;
}

}  // namespace opendext::diagnostics
