// SPDX-License-Identifier: Apache-2.0
#include "base/unique_fd.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>

namespace opendext {

UniqueFd &UniqueFd::operator=(UniqueFd &&other) noexcept {
    if (this != &other) {
        Reset(other.Release());
    }
    return *this;
}

void UniqueFd::Reset(int fd) {
    if (fd_ >= 0 && fd_ != fd) {
        // Destructors run on error paths, whose errno the caller still wants to read.
        const int saved_errno = errno;
        ::close(fd_);
        errno = saved_errno;
    }
    fd_ = fd < 0 ? -1 : fd;
}

std::expected<UniqueFd, SystemError> UniqueFd::Duplicate() const {
    UniqueFd copy(::fcntl(fd_, F_DUPFD_CLOEXEC, 0));
    if (!copy) {
        return std::unexpected(SystemError::FromErrno("fcntl(F_DUPFD_CLOEXEC)"));
    }
    return copy;
}

void RaiseDescriptorLimit() {
    rlimit limit = {};
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

}  // namespace opendext
