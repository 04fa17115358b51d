// SPDX-License-Identifier: Apache-2.0
#include "runtime/memory/call_site.h"

#include <cxxabi.h>
#include <dlfcn.h>
#include <pthread.h>
#include <unwind.h>
#include <cstdlib>
#include <memory>
#include <string_view>

#include <fmt/format.h>

namespace opendext::memory {

namespace {

/// A function of the runtime is this close to its caller, or it was called in another way.
constexpr int kMostFrames = 16;

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

bool IsCallIn(uintptr_t function, uintptr_t return_address) {
    return return_address - function < kLongestFunction &&
           reinterpret_cast<uintptr_t>(_Unwind_FindEnclosingFunction(
               reinterpret_cast<void *>(return_address - 1))) == function;
}

/// Follows the frame pointers: a few nanoseconds. @return whether it came past the function.
[[gnu::noinline]] bool FollowFramePointers(uintptr_t function, CallSite &site) {
    static thread_local const StackBounds bounds = StackBounds::OfThisThread();
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

std::string Demangled(const char *symbol) {
    int status = 0;
    const std::unique_ptr<char, decltype(&std::free)> name(
        abi::__cxa_demangle(symbol, nullptr, nullptr, &status), &std::free);
    return status == 0 ? name.get() : symbol;
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

}  // namespace

CallSite CallSite::CallersOf(uintptr_t function) {
    CallSite site;
    if (!FollowFramePointers(function, site)) {
        Unwinding unwinding{.function = function, .site = &site};
        _Unwind_Backtrace(TakeFrame, &unwinding);
    }
    return site;
}

std::string CallSite::Describe() const {
    std::string text;
    for (const uintptr_t frame : frames) {
        if (frame != 0) {
            text += (text.empty() ? "" : " from ") + DescribeFrame(frame);
        }
    }
    return text;
}

}  // namespace opendext::memory
