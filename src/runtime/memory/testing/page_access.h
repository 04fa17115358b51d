// SPDX-License-Identifier: Apache-2.0
/// @file page_access.h
/// For tests: what can be done with an address, without a fault.
#pragma once

#include <sys/syscall.h>
#include <unistd.h>
#include <cstdint>

namespace opendext::memory {

enum class PageAccess { kNone, kReadOnly, kReadWrite };

/// Asks the kernel to read the byte and to write it back. The memory keeps its contents.
inline PageAccess AccessAt(uint64_t address) {
    int ends[2] = {-1, -1};
    if (pipe(ends) != 0) {
        return PageAccess::kNone;
    }
    // Not through libc: sanitizers would look at the address.
    PageAccess access = PageAccess::kNone;
    if (syscall(SYS_write, ends[1], address, 1) == 1) {
        access = syscall(SYS_read, ends[0], address, 1) == 1 ? PageAccess::kReadWrite
                                                             : PageAccess::kReadOnly;
    }
    close(ends[0]);
    close(ends[1]);
    return access;
}

}  // namespace opendext::memory
