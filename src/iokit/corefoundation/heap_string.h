// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "iokit/corefoundation/string.h"

namespace opendext::cf {

// A string made at run time, with its storage; all but CFSTR constants are of this kind. A mutable one belongs
// to one thread at a time.
struct HeapString : __CFString {
    // `maximum`: the most units that a mutable string may grow to; 0 for no limit.
    HeapString(std::u16string_view units, std::uint32_t mutability, CFIndex maximum);

    // Puts `units` in the place of everything.
    void Assign(std::u16string_view units);

    std::string ascii;
    std::u16string wide;
    CFIndex max_length;
};

}  // namespace opendext::cf
