// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/call/fuse_ioctl.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "base/unique_fd.h"
#include "benchmarks/fuse_mount.h"

namespace opendext::bench {

namespace {

constexpr unsigned long kIncrement = _IOWR('O', 1, uint64_t);

int Ioctl(const char *, unsigned int command, void *, fuse_file_info *, unsigned int, void *data) {
    if (command != kIncrement) {
        return -ENOTTY;
    }
    uint64_t value = 0;
    std::memcpy(&value, data, sizeof(value));
    ++value;
    std::memcpy(data, &value, sizeof(value));
    return 0;
}

}  // namespace

std::expected<void, std::string> MeasureFuseIoctl(size_t count, Samples &samples) {
    const auto mount = FuseMount::Make({.ioctl = Ioctl});
    if (!mount) {
        return std::unexpected(mount.error());
    }
    const UniqueFd file(open(mount->file().c_str(), O_RDWR | O_CLOEXEC));
    if (!file.is_valid()) {
        return std::unexpected(fmt::format("{}: {}", mount->file(), std::strerror(errno)));
    }
    uint64_t expected = 0;
    uint64_t value = 0;
    const auto call = [&] {
        return ioctl(file.get(), kIncrement, &value) == 0 && value == ++expected;
    };
    if (!WarmUp(call) || !samples.TimeEach(count, call)) {
        return std::unexpected(fmt::format("{}: ioctl: {}", mount->file(), std::strerror(errno)));
    }
    return {};
}

}  // namespace opendext::bench
