// SPDX-License-Identifier: Apache-2.0
// What the application's own calls (madvise, mremap) do to memory that is shared.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "channel/memory/app_memory.h"
#include "channel/memory/page_range.h"
#include "channel/memory/safe_copy.h"

namespace opendext::channel {

void AppMemory::KeepFromGrowing(uint64_t start, uint64_t end) {
    if (end - start > PageSize()) {
        (void)syscall(SYS_madvise, end - PageSize(), PageSize(), MADV_RANDOM);
    }
}

void AppMemory::Discard(const AppRange &range) {
    const auto pages = PagesOf(range);
    if (!pages) {
        return;
    }
    for (uint64_t at = pages->first; at < pages->second;) {
        const auto area = space_.AreaAtOrAfter(at);
        if (!area || area->start >= pages->second) {
            return;
        }
        const uint64_t start = std::max(at, area->start);
        const uint64_t end = std::min(area->end, pages->second);
        const auto region = area->is_shared ? table_.Find(area->file) : nullptr;
        if (region != nullptr) {
            (void)fallocate(region->ExportFd(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                            static_cast<off_t>(area->offset + (start - area->start)),
                            static_cast<off_t>(end - start));
        }
        at = end;
    }
}

bool AppMemory::HasShared(const AppRange &range) {
    const auto pages = PagesOf(range);
    for (uint64_t at = pages ? pages->first : 0; pages && at < pages->second;) {
        const auto area = space_.AreaAtOrAfter(at);
        if (!area || area->start >= pages->second) {
            return false;
        }
        if (area->is_shared && table_.IsOurs(area->file)) {
            return true;
        }
        at = area->end;
    }
    return false;
}

void *AppMemory::Remap(const AppRange &range, uint64_t new_length, int flags, void *target) {
    if (new_length > range.length) {
        return Enlarge(range, new_length, flags, target);
    }
    // One mapping again: the kernel moves one at a time.
    (void)syscall(SYS_madvise, range.address, range.length, MADV_NORMAL);
    const long moved = syscall(SYS_mremap, range.address, range.length, new_length, flags, target);
    if (moved != -1) {
        const auto start = static_cast<uint64_t>(moved);
        KeepFromGrowing(PageFloor(start), PageFloor(start + new_length + PageSize() - 1));
    }
    return reinterpret_cast<void *>(moved);
}

void *AppMemory::Enlarge(const AppRange &range, uint64_t new_length, int flags, void *target) {
    const auto area = space_.AreaAt(range.address);
    const bool is_fixed = (flags & MREMAP_FIXED) != 0;
    const auto to = reinterpret_cast<uint64_t>(target);
    const bool overlaps =
        is_fixed && to < range.address + range.length && range.address < to + new_length;
    if ((flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED)) != 0 || overlaps || !area) {
        errno = area ? EINVAL : EFAULT;
        return MAP_FAILED;
    }
    if ((flags & MREMAP_MAYMOVE) == 0) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    void *const made = mmap(target, new_length, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | (is_fixed ? MAP_FIXED : 0), -1, 0);
    if (made == MAP_FAILED) {
        return MAP_FAILED;
    }
    void *const old = reinterpret_cast<void *>(range.address);
    if (CopyBytes(made, old, range.length) != range.length) {
        munmap(made, new_length);
        errno = EFAULT;
        return MAP_FAILED;
    }
    mprotect(made, new_length, area->protection());
    munmap(old, range.length);
    return made;
}

}  // namespace opendext::channel
