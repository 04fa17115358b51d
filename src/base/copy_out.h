// SPDX-License-Identifier: Apache-2.0
/// @file copy_out.h
/// Taking what another process may be changing.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace opendext {

/// A copy of `shared` that its other owner cannot change: each word is read exactly once.
template <typename T>
[[nodiscard]] T CopyOut(const T &shared) {
    static_assert(std::is_trivially_copyable_v<T> && sizeof(T) % sizeof(uint64_t) == 0 &&
                  alignof(T) <= alignof(uint64_t));
    std::array<uint64_t, sizeof(T) / sizeof(uint64_t)> words;
    const auto *source = reinterpret_cast<const std::byte *>(&shared);
    for (size_t i = 0; i < words.size(); ++i) {
        words[i] = __atomic_load_n(
            reinterpret_cast<const uint64_t *>(source + i * sizeof(uint64_t)), __ATOMIC_RELAXED);
    }
    return std::bit_cast<T>(words);
}

}  // namespace opendext
