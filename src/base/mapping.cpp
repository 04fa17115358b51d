// SPDX-License-Identifier: Apache-2.0
#include "base/mapping.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <limits>

#include "base/checked.h"

namespace opendext {
namespace {

std::unexpected<SystemError> Failure(const char *call, int error_number) {
    return std::unexpected(SystemError{.call = call, .error_number = error_number});
}

}  // namespace

size_t PageSize() {
    static const auto size = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
    return size;
}

int ProtectionFor(MapAccess access) {
    return access == MapAccess::kReadOnly ? PROT_READ : PROT_READ | PROT_WRITE;
}

int SharingFor(MapAccess access) {
    return access == MapAccess::kCopyOnWrite ? MAP_PRIVATE : MAP_SHARED;
}

std::expected<MappedRegion, SystemError> MappedRegion::Map(int fd, uint64_t offset,
                                                           size_t num_bytes, MapAccess access) {
    const auto file_offset = CheckedCast<off_t>(offset);
    if (num_bytes == 0 || !file_offset || offset % PageSize() != 0) {
        return Failure("mmap", EINVAL);
    }
    void *address =
        ::mmap(nullptr, num_bytes, ProtectionFor(access), SharingFor(access), fd, *file_offset);
    if (address == MAP_FAILED) {
        return std::unexpected(SystemError::FromErrno("mmap"));
    }
    return MappedRegion(address, num_bytes);
}

std::expected<MappedRegion, SystemError> MappedRegion::MapAnonymous(size_t num_bytes) {
    if (num_bytes == 0) {
        return Failure("mmap", EINVAL);
    }
    void *address =
        ::mmap(nullptr, num_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (address == MAP_FAILED) {
        return std::unexpected(SystemError::FromErrno("mmap"));
    }
    return MappedRegion(address, num_bytes);
}

MappedRegion &MappedRegion::operator=(MappedRegion &&other) noexcept {
    if (this != &other) {
        Reset();
        address_ = std::exchange(other.address_, nullptr);
        num_bytes_ = std::exchange(other.num_bytes_, 0);
    }
    return *this;
}

void MappedRegion::Reset() {
    if (address_ != nullptr) {
        ::munmap(address_, num_bytes_);
    }
    address_ = nullptr;
    num_bytes_ = 0;
}

std::expected<SharedMemory, SystemError> SharedMemory::Create(const std::string &name,
                                                              uint64_t num_bytes) {
    const auto rounded = CheckedAlignUp(num_bytes, uint64_t{PageSize()});
    const auto file_size =
        CheckedCast<off_t>(rounded.value_or(std::numeric_limits<uint64_t>::max()));
    if (num_bytes == 0 || !file_size) {
        return Failure("memfd_create", EINVAL);
    }
    UniqueFd fd(::memfd_create(name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!fd) {
        return std::unexpected(SystemError::FromErrno("memfd_create"));
    }
    if (::ftruncate(fd.get(), *file_size) != 0) {
        return std::unexpected(SystemError::FromErrno("ftruncate"));
    }
    if (::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
        return std::unexpected(SystemError::FromErrno("fcntl(F_ADD_SEALS)"));
    }
    return SharedMemory(std::move(fd), *rounded);
}

std::expected<SharedMemory, SystemError> SharedMemory::Adopt(UniqueFd fd, uint64_t min_num_bytes) {
    const int seals = ::fcntl(fd.get(), F_GET_SEALS);
    if (seals < 0) {
        return std::unexpected(SystemError::FromErrno("fcntl(F_GET_SEALS)"));
    }
    if ((seals & F_SEAL_SHRINK) == 0) {
        return Failure("fcntl(F_GET_SEALS)", EPERM);
    }
    struct stat status = {};
    if (::fstat(fd.get(), &status) != 0) {
        return std::unexpected(SystemError::FromErrno("fstat"));
    }
    // Whole pages only: the tail of a last partial page would be mapped, and belong to nobody's size.
    const auto num_bytes = static_cast<uint64_t>(status.st_size) & ~uint64_t{PageSize() - 1};
    if (num_bytes == 0 || num_bytes < min_num_bytes) {
        return Failure("fstat", EMSGSIZE);
    }
    return SharedMemory(std::move(fd), num_bytes);
}

std::expected<MappedRegion, SystemError> SharedMemory::Map(MapAccess access) const {
    return MappedRegion::Map(fd_.get(), 0, num_bytes_, access);
}

UniqueFd SharedMemory::TakeFd() {
    num_bytes_ = 0;
    return std::move(fd_);
}

}  // namespace opendext
