// SPDX-License-Identifier: Apache-2.0
/// @file call_site.h
/// Who called: the code that asked the runtime for something, so that a later report can name it. Private to
/// this room.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <string>

namespace opendext::memory {

/// Return addresses, the innermost first; 0 where there are no more. Taking one costs 0.1 microseconds where the
/// code in between keeps frame pointers, else one.
struct CallSite {
    std::array<uintptr_t, 3> frames = {};

    /// The callers of `function` on this thread's stack; none when it is not there, or too far up. Both it and
    /// its callers keep frame pointers: one that does not is left out.
    [[nodiscard]] static CallSite CallersOf(uintptr_t function);

    /// As above, of a member function that is not virtual.
    template <typename Method>
    [[nodiscard]] static CallSite CallersOf(Method method) {
        // Both halves of a pointer to a member: the function and the adjustment of `this`.
        return CallersOf(std::bit_cast<std::array<uintptr_t, 2>>(method)[0]);
    }

    /// "Driver::Start(IOService*)+0x2f (Driver.so+0x81f) from ...", or "" where nothing is known. The part in
    /// parentheses is for addr2line.
    [[nodiscard]] std::string Describe() const;
};

}  // namespace opendext::memory
