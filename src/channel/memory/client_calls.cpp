// SPDX-License-Identifier: Apache-2.0
// What the application calls of libc and the kernel does for private memory only. Memory that AppMemory made shared must
// still read as zeros after it was dropped, which allocators rely on, and grow like any other.
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cstdarg>
#include <cstdint>

#include "channel/memory/app_memory.h"

namespace {
constexpr int kMadviseDontNeedLocked = 24;  // Linux 5.18; Debian 12's libc lacks it
}

extern "C" __attribute__((visibility("default"))) int madvise(void *address, size_t length,
                                                              int advice) noexcept {
    const auto result = static_cast<int>(syscall(SYS_madvise, address, length, advice));
    const bool drops =
        advice == MADV_DONTNEED || advice == MADV_FREE || advice == kMadviseDontNeedLocked;
    if (result == 0 && drops && opendext::channel::AppMemory::IsInUse()) {
        opendext::channel::AppMemory::OfThisProcess().Discard(
            {reinterpret_cast<uint64_t>(address), length});
    }
    return result;
}

extern "C" __attribute__((visibility("default"))) void *mremap(void *address, size_t length,
                                                               size_t new_length, int flags,
                                                               ...) noexcept {
    void *target = nullptr;
    if ((flags & MREMAP_FIXED) != 0) {
        va_list rest;
        va_start(rest, flags);
        target = va_arg(rest, void *);
        va_end(rest);
    }
    using opendext::channel::AppMemory;
    const opendext::channel::AppRange range = {reinterpret_cast<uint64_t>(address), length};
    if (AppMemory::IsInUse() && AppMemory::OfThisProcess().HasShared(range)) {
        return AppMemory::OfThisProcess().Remap(range, new_length, flags, target);
    }
    return reinterpret_cast<void *>(
        syscall(SYS_mremap, address, length, new_length, flags, target));
}
