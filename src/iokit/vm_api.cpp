// SPDX-License-Identifier: Apache-2.0
// The C functions of <mach/mach_vm.h> and <mach/vm_map.h>.
#include <sys/mman.h>
#include <cerrno>
#include <optional>

#include <mach/mach_init.h>
#include <mach/mach_vm.h>
#include <mach/vm_map.h>

#include "base/checked.h"
#include "base/mapping.h"
#include "channel/memory/app_memory.h"

namespace {

using opendext::channel::AppMemory;

constexpr unsigned kKnownFlags = VM_FLAGS_ANYWHERE | VM_FLAGS_RANDOM_ADDR | VM_FLAGS_NO_CACHE |
                                 VM_FLAGS_OVERWRITE | VM_FLAGS_ALIAS_MASK;

/// Where the addresses of an application end, or later.
constexpr uint64_t kEndOfAddresses = 1ULL << 47;

/// Whole pages.
struct PageRange {
    uint64_t start = 0;
    uint64_t length = 0;

    [[nodiscard]] void *address() const { return reinterpret_cast<void *>(start); }
};

/// The pages that hold the range; nullopt: it overflows.
std::optional<PageRange> PagesOf(uint64_t address, uint64_t size) {
    const uint64_t page = opendext::PageSize();
    const auto end = opendext::CheckedAdd(address, size);
    const auto last = end ? opendext::CheckedAlignUp(*end, page) : std::nullopt;
    if (!last) {
        return std::nullopt;
    }
    const uint64_t start = address & ~(page - 1);
    return PageRange{start, *last - start};
}

kern_return_t AllocateAnywhere(mach_vm_size_t size, uint64_t *address) {
    if (!PagesOf(0, size)) {
        return KERN_INVALID_ARGUMENT;
    }
    const auto allocated = AppMemory::OfThisProcess().Allocate(size);
    if (!allocated) {
        return KERN_NO_SPACE;
    }
    *address = *allocated;
    return KERN_SUCCESS;
}

kern_return_t AllocateAt(mach_vm_size_t size, bool replaces, uint64_t *address) {
    const auto pages = PagesOf(*address & ~(opendext::PageSize() - 1), size);
    if (!pages || pages->start == 0 || pages->start + pages->length > kEndOfAddresses) {
        return KERN_INVALID_ADDRESS;
    }
    if (!replaces) {
        const auto allocated = AppMemory::OfThisProcess().Allocate(pages->length, pages->start);
        if (!allocated) {
            return KERN_NO_SPACE;
        }
    } else {
        const auto elsewhere = AppMemory::OfThisProcess().Allocate(pages->length);
        if (!elsewhere) {
            return KERN_NO_SPACE;
        }
        auto *from = reinterpret_cast<void *>(*elsewhere);
        if (mremap(from, pages->length, pages->length, MREMAP_MAYMOVE | MREMAP_FIXED,
                   pages->address()) == MAP_FAILED) {
            const int error = errno;
            munmap(from, pages->length);
            return error == EINVAL ? KERN_INVALID_ADDRESS : KERN_NO_SPACE;
        }
    }
    *address = pages->start;
    return KERN_SUCCESS;
}

}  // namespace

kern_return_t mach_vm_allocate(vm_map_t target, mach_vm_address_t *address, mach_vm_size_t size,
                               int flags) {
    if (target != mach_task_self() || address == nullptr ||
        (static_cast<unsigned>(flags) & ~kKnownFlags) != 0) {
        return KERN_INVALID_ARGUMENT;
    }
    if (size == 0) {
        *address = 0;
        return KERN_SUCCESS;
    }
    return (flags & VM_FLAGS_ANYWHERE) != 0
               ? AllocateAnywhere(size, address)
               : AllocateAt(size, (flags & VM_FLAGS_OVERWRITE) != 0, address);
}

kern_return_t mach_vm_deallocate(vm_map_t target, mach_vm_address_t address, mach_vm_size_t size) {
    if (target != mach_task_self()) {
        return KERN_INVALID_ARGUMENT;
    }
    if (size == 0) {
        return KERN_SUCCESS;
    }
    const auto pages = PagesOf(address, size);
    if (!pages) {
        return KERN_INVALID_ARGUMENT;
    }
    // EINVAL: beyond all addresses, where nothing is.
    if (munmap(pages->address(), pages->length) != 0 && errno != EINVAL) {
        return KERN_RESOURCE_SHORTAGE;
    }
    return KERN_SUCCESS;
}

kern_return_t vm_allocate(vm_map_t target_task, vm_address_t *address, vm_size_t size, int flags) {
    if (address == nullptr) {
        return KERN_INVALID_ARGUMENT;
    }
    mach_vm_address_t wide = *address;
    const kern_return_t result = mach_vm_allocate(target_task, &wide, size, flags);
    *address = wide;
    return result;
}

kern_return_t vm_deallocate(vm_map_t target_task, vm_address_t address, vm_size_t size) {
    return mach_vm_deallocate(target_task, address, size);
}
