// SPDX-License-Identifier: Apache-2.0
/// @file copy_words.h
/// Copying a handful of words.
#pragma once

#include <cstddef>
#include <cstdint>

namespace opendext {

/// Copies `num_words` from one array to another, word by word: for the few that a call has, calling memcpy, which the
/// compiler makes of any plain loop, costs several times as much.
inline void CopyFewWords(const uint64_t *from, size_t num_words, uint64_t *to) {
    for (size_t i = 0; i < num_words; ++i) {
        to[i] = from[i];
        asm volatile("" ::: "memory");
    }
}

}  // namespace opendext
