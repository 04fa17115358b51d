// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/OSMappedFile.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <expected>
#include <new>
#include <utility>

#include <DriverKit/IOLib.h>

#include "base/unique_fd.h"
#include "runtime/object/member_list.h"

struct OSMappedFile_IVars {
    std::byte *reserved = nullptr;  // the guards and what is between them
    size_t reserved_size = 0;
    const std::byte *data = nullptr;
    size_t size = 0;
};

namespace {

kern_return_t ResultOf(int error) {
    switch (error) {
        case ENOENT:
        case ENOTDIR:
            return kIOReturnNotFound;
        case EACCES:
        case EPERM:
            return kIOReturnNotPermitted;
        case ENOMEM:
        case EMFILE:
        case ENFILE:
            return kIOReturnNoMemory;
        default:
            return kIOReturnIOError;
    }
}

// Rounded up to whole pages; false: that is too much.
bool RoundToPages(size_t size, size_t *rounded) {
    const size_t mask = IOVMPageSize - 1;
    if (__builtin_add_overflow(size, mask, rounded)) {
        return false;
    }
    *rounded &= ~mask;
    return true;
}

// Maps the file between two guards.
kern_return_t MapFile(const opendext::UniqueFd &file, size_t size, size_t guard_size,
                      OSMappedFile_IVars *state) {
    size_t guard = 0;
    size_t content = 0;
    size_t total = 0;
    if (!RoundToPages(guard_size, &guard) || !RoundToPages(size, &content) ||
        __builtin_add_overflow(content, guard, &total) ||
        __builtin_add_overflow(total, guard, &total)) {
        return kIOReturnNoMemory;
    }
    // An empty file has a page nobody may read, so that it has an address.
    total = total != 0 ? total : IOVMPageSize;
    void *reserved = mmap(nullptr, total, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (reserved == MAP_FAILED) {
        return kIOReturnNoMemory;
    }
    state->reserved = static_cast<std::byte *>(reserved);
    state->reserved_size = total;
    state->data = state->reserved + guard;
    state->size = size;
    if (size != 0 && mmap(state->reserved + guard, size, PROT_READ, MAP_PRIVATE | MAP_FIXED,
                          file.get(), 0) == MAP_FAILED) {
        return ResultOf(errno);
    }
    return kIOReturnSuccess;
}

}  // namespace

bool OSMappedFile::init() {
    if (!super::init()) {
        return false;
    }
    ivars = new (std::nothrow) OSMappedFile_IVars;
    return ivars != nullptr;
}

void OSMappedFile::free() {
    if (ivars != nullptr && ivars->reserved != nullptr) {
        munmap(ivars->reserved, ivars->reserved_size);
    }
    delete std::exchange(ivars, nullptr);
    super::free();
}

kern_return_t OSMappedFile::createFromPath(const char *path, uint64_t options, size_t minGuardSize,
                                           OSMappedFile **outputMappedFile) {
    if (outputMappedFile == nullptr) {
        return kIOReturnBadArgument;
    }
    *outputMappedFile = nullptr;
    if (path == nullptr || options != 0) {
        return kIOReturnBadArgument;
    }
    // Not to wait for the other end of a pipe.
    const opendext::UniqueFd file(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    struct stat status = {};
    if (!file.is_valid() || fstat(file.get(), &status) != 0) {
        return ResultOf(errno);
    }
    if (!S_ISREG(status.st_mode)) {
        return kIOReturnBadArgument;
    }
    auto *made = opendext::object::MakeContainer<OSMappedFile>();
    if (made == nullptr) {
        return kIOReturnNoMemory;
    }
    const kern_return_t result =
        MapFile(file, static_cast<size_t>(status.st_size), minGuardSize, made->ivars);
    if (result != kIOReturnSuccess) {
        made->release();
        return result;
    }
    *outputMappedFile = made;
    return kIOReturnSuccess;
}

const void *OSMappedFile::data() const {
    return ivars->data;
}

size_t OSMappedFile::size() const {
    return ivars->size;
}
