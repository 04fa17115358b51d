// SPDX-License-Identifier: Apache-2.0
#include "backends/recorded/capture_bytes.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "base/unique_fd.h"

namespace opendext::backends {

std::expected<std::vector<std::byte>, std::string> ReadCaptureBytes(const std::string &path) {
    const auto failed = [&path](std::string_view why) {
        return std::unexpected(fmt::format("{}: cannot be read: {}", path, why));
    };
    const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat status = {};
    if (!file || fstat(file.get(), &status) != 0) {
        return failed(std::strerror(errno));
    }
    if (!S_ISREG(status.st_mode)) {
        return failed("it is no file");
    }
    if (static_cast<uint64_t>(status.st_size) > kMaxCaptureBytes) {
        return failed(
            fmt::format("it has {} bytes; {} is the most", status.st_size, kMaxCaptureBytes));
    }
    std::vector<std::byte> bytes(static_cast<size_t>(status.st_size));
    size_t num_read = 0;
    while (num_read < bytes.size()) {
        const ssize_t length = read(file.get(), bytes.data() + num_read, bytes.size() - num_read);
        if (length < 0 && errno != EINTR) {
            return failed(std::strerror(errno));
        }
        if (length == 0) {
            break;  // it has become shorter
        }
        num_read += length > 0 ? static_cast<size_t>(length) : 0;
    }
    bytes.resize(num_read);
    return bytes;
}

}  // namespace opendext::backends
