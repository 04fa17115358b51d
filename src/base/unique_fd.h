// SPDX-License-Identifier: Apache-2.0
/// @file unique_fd.h
/// The one owner of a file descriptor.
#pragma once

#include <expected>
#include <utility>

#include "base/system_error.h"

namespace opendext {

/// Owns a file descriptor and closes it when destroyed; empty when it holds -1. Move-only.
/// One thread at a time, as an int would be.
class UniqueFd {
public:
    UniqueFd() = default;

    /// Takes ownership of `fd`; a negative one makes an empty UniqueFd.
    explicit UniqueFd(int fd) : fd_(fd < 0 ? -1 : fd) {}

    UniqueFd(UniqueFd &&other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    UniqueFd &operator=(UniqueFd &&other) noexcept;
    UniqueFd(const UniqueFd &) = delete;
    UniqueFd &operator=(const UniqueFd &) = delete;
    ~UniqueFd() { Reset(); }

    /// The descriptor, still owned by this object; -1 when empty.
    [[nodiscard]] int get() const { return fd_; }
    [[nodiscard]] bool is_valid() const { return fd_ >= 0; }
    explicit operator bool() const { return is_valid(); }

    /// Gives the descriptor up: the caller closes it. Leaves this object empty.
    [[nodiscard]] int Release() { return std::exchange(fd_, -1); }

    /// Closes what is owned and takes `fd` instead.
    void Reset(int fd = -1);

    /// A second descriptor of the same open file, close-on-exec.
    [[nodiscard]] std::expected<UniqueFd, SystemError> Duplicate() const;

private:
    int fd_ = -1;
};

/// Lets this process have as many descriptors as the system allows it: for programs of ours, which do not use
/// select().
void RaiseDescriptorLimit();

}  // namespace opendext
