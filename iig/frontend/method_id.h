// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace opendext::iig {

// The id of a method: FNV-1a, 64 bits, of `Class::Method` (from the second overload on with the parameter
// types), the top bit set for classes of the system. The same in every build.
constexpr uint64_t MethodId(std::string_view signature, bool is_kernel) {
    uint64_t hash = 0xcbf29ce484222325ULL;
    for (const char c : signature) {
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
    }
    constexpr uint64_t kKernelBit = 1ULL << 63;
    return is_kernel ? hash | kKernelBit : hash & ~kKernelBit;
}

}  // namespace opendext::iig
