// SPDX-License-Identifier: Apache-2.0
/// @file safe_copy.h
/// Copying memory that may go away.
#pragma once

#include <cstdint>

namespace opendext::channel {

/// Copies `num_bytes`, as fast as memcpy, and stops where either side is not accessible, or stops being so.
/// @return the bytes copied. Any thread. Installs handlers for SIGSEGV and SIGBUS at the first call (and again when
/// somebody replaced them), which pass on every signal that is not of such a copy.
[[nodiscard]] uint64_t CopyBytes(void *to, const void *from, uint64_t num_bytes);

}  // namespace opendext::channel
