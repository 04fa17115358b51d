// SPDX-License-Identifier: Apache-2.0
/// @file safe_copy.h
/// Copying memory that may go away.
#pragma once

#include <chrono>
#include <cstdint>

namespace opendext::channel {

/// Where copied bytes go.
enum class Stores : uint8_t {
    kCached,  ///< Into this processor's cache.
    kStreamed,  ///< Past it, to memory. For more than it holds, and for lines that lie in another processor's.
};

/// Copies `num_bytes`, as fast as memcpy, and stops where either side is not accessible, or stops being so.
/// @return the bytes copied; of the few pages that follow, parts may have been written, too. Any thread. Installs handlers
/// for SIGSEGV and SIGBUS at the first call, which pass on every signal that is not of such a copy, and lets both through
/// to a thread that blocks them, also one that was sent to it; looks every kHandlerCheck whether somebody has replaced the
/// handlers or blocks the signals.
[[nodiscard]] uint64_t CopyBytes(void *to, const void *from, uint64_t num_bytes,
                                 Stores stores = Stores::kCached);

/// Looking takes as long as copying 20 KiB.
inline constexpr std::chrono::microseconds kHandlerCheck{100};

}  // namespace opendext::channel
