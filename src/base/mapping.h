// SPDX-License-Identifier: Apache-2.0
/// @file mapping.h
/// Owners of mapped memory, and of memory that can be passed to another process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <utility>

#include "base/system_error.h"
#include "base/unique_fd.h"

namespace opendext {

/// Bytes of a page of this machine.
[[nodiscard]] size_t PageSize();

enum class MapAccess {
    kReadOnly,
    kReadWrite,
    kCopyOnWrite,  ///< Reading and writing; what is written stays in the mapping, page by page.
};

/// The arguments of mmap for an access to shared memory.
[[nodiscard]] int ProtectionFor(MapAccess access);
[[nodiscard]] int SharingFor(MapAccess access);

/// Owns one mmap'ed range and unmaps it when destroyed. Move-only; empty after being moved from.
/// The object is used by one thread at a time; the memory by as many as its contents allow.
class MappedRegion {
public:
    MappedRegion() = default;

    /// Maps `num_bytes` of `fd` from `offset`, shared with everyone who maps the same file. `offset` is a
    /// multiple of the page size. `fd` may be closed afterwards.
    /// @return EINVAL for an empty range or a crooked offset, else what mmap says.
    [[nodiscard]] static std::expected<MappedRegion, SystemError> Map(
        int fd, uint64_t offset, size_t num_bytes, MapAccess access = MapAccess::kReadWrite);

    /// Maps `num_bytes` of private, zero-filled memory.
    [[nodiscard]] static std::expected<MappedRegion, SystemError> MapAnonymous(size_t num_bytes);

    /// Takes ownership of a range that the caller mapped.
    [[nodiscard]] static MappedRegion Adopt(void *address, size_t num_bytes) {
        return {address, num_bytes};
    }

    MappedRegion(MappedRegion &&other) noexcept
        : address_(std::exchange(other.address_, nullptr)),
          num_bytes_(std::exchange(other.num_bytes_, 0)) {}
    MappedRegion &operator=(MappedRegion &&other) noexcept;
    MappedRegion(const MappedRegion &) = delete;
    MappedRegion &operator=(const MappedRegion &) = delete;
    ~MappedRegion() { Reset(); }

    /// First byte; NULL when empty. Borrowed: valid as long as this object holds the range.
    [[nodiscard]] std::byte *data() const { return static_cast<std::byte *>(address_); }
    [[nodiscard]] size_t num_bytes() const { return num_bytes_; }
    [[nodiscard]] std::span<std::byte> bytes() const { return {data(), num_bytes_}; }
    [[nodiscard]] bool is_mapped() const { return address_ != nullptr; }

    /// Unmaps now.
    void Reset();

    /// Gives the range up: it is the caller's to unmap, or not there any more. @return its address.
    void *Release() {
        num_bytes_ = 0;
        return std::exchange(address_, nullptr);
    }

private:
    MappedRegion(void *address, size_t num_bytes) : address_(address), num_bytes_(num_bytes) {}

    void *address_ = nullptr;
    size_t num_bytes_ = 0;
};

/// A memfd of a fixed size: memory that is shared by passing its file descriptor. Neither side can shrink or
/// grow it, so a mapping of it never faults. Move-only. One thread at a time; the memory by as many as its
/// contents allow.
class SharedMemory {
public:
    SharedMemory() = default;

    /// New zero-filled memory. `num_bytes` is rounded up to whole pages; the pages are taken on first touch.
    /// `name` appears in /proc/PID/maps.
    /// @return EINVAL for 0 bytes or more than fit, else what memfd_create or ftruncate says.
    [[nodiscard]] static std::expected<SharedMemory, SystemError> Create(const std::string &name,
                                                                         uint64_t num_bytes);

    /// Takes a descriptor that another process sent. It must be a memfd of at least `min_num_bytes` that is
    /// sealed against shrinking: otherwise its sender could make us fault later.
    /// @return EPERM when it is not sealed, EINVAL when it is no memfd, EMSGSIZE when it is too small.
    [[nodiscard]] static std::expected<SharedMemory, SystemError> Adopt(UniqueFd fd,
                                                                        uint64_t min_num_bytes);

    /// Maps the whole memory. May be called again, for a second view.
    [[nodiscard]] std::expected<MappedRegion, SystemError> Map(
        MapAccess access = MapAccess::kReadWrite) const;

    /// Borrowed; duplicate it to send it and keep this object.
    [[nodiscard]] int fd() const { return fd_.get(); }
    /// A multiple of the page size.
    [[nodiscard]] uint64_t num_bytes() const { return num_bytes_; }
    [[nodiscard]] bool is_valid() const { return fd_.is_valid(); }
    /// Gives the descriptor away and leaves this object empty.
    [[nodiscard]] UniqueFd TakeFd();

private:
    SharedMemory(UniqueFd fd, uint64_t num_bytes) : fd_(std::move(fd)), num_bytes_(num_bytes) {}

    UniqueFd fd_;
    uint64_t num_bytes_ = 0;
};

}  // namespace opendext
