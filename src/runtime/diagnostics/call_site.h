// SPDX-License-Identifier: Apache-2.0
/// @file call_site.h
/// Who called: the code that asked the runtime for something, so that a later report can name it.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <string>

namespace opendext::diagnostics {

/// Return addresses, the innermost first; 0 where there are no more. Taking one costs 0.1 microseconds where the
/// code in between keeps frame pointers, else one.
struct CallSite {
    std::array<uintptr_t, 4> frames = {};

    /// The callers of `function` on this thread's stack; none when it is not there, or too far up. Both it and
    /// its callers keep frame pointers: one that does not is left out.
    [[nodiscard]] static CallSite CallersOf(uintptr_t function);

    /// As above, of a member function that is not virtual.
    template <typename Method>
    [[nodiscard]] static CallSite CallersOf(Method method) {
        // Both halves of a pointer to a member: the function and the adjustment of `this`.
        return CallersOf(std::bit_cast<std::array<uintptr_t, 2>>(method)[0]);
    }

    /// The innermost callers on this thread's stack that are a driver's code (driver_images.h), where the code in between
    /// keeps frame pointers; none where no driver is loaded. Allocates nothing; some tens of nanoseconds.
    [[nodiscard]] static CallSite OfDriver();

    /// As above, of the code that a signal has interrupted; `context` is what the handler was given.
    [[nodiscard]] static CallSite OfDriverAt(const void *context);

    /// Of a function of which the first byte is known.
    [[nodiscard]] static CallSite AtFunction(const void *function) {
        CallSite site;
        site.frames[0] = function != nullptr ? reinterpret_cast<uintptr_t>(function) + 1 : 0;
        return site;
    }

    [[nodiscard]] bool is_known() const { return frames[0] != 0; }

    /// "Driver::Start(IOService*)+0x2f (Driver.so+0x81f) from ...", or "" where nothing is known. The part in
    /// parentheses is for addr2line.
    [[nodiscard]] std::string Describe() const;

    /// "Driver::Start(IOService*) at Driver.cpp:45 from ...", as far as the images' debug information tells; else as
    /// Describe. What iig has written is left out. Takes a tenth of a second (base/symbolizer.h).
    [[nodiscard]] std::string DescribeWithLines() const;
};

}  // namespace opendext::diagnostics
