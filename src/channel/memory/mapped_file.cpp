// SPDX-License-Identifier: Apache-2.0
#include "channel/memory/mapped_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "base/unique_fd.h"

namespace opendext::channel {

namespace {

UniqueFd Open(const std::string &path, const MappedArea &area) {
    return UniqueFd(
        open(path.c_str(), (area.is_writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK));
}

bool IsThatFile(int fd, const MappedArea &area) {
    struct stat status = {};
    return fstat(fd, &status) == 0 && status.st_ino == area.file.inode &&
           major(status.st_dev) == area.file.device_major &&
           minor(status.st_dev) == area.file.device_minor;
}

/// The path that /proc/self/maps has for the mapping; empty for none.
std::string PathOf(const MappedArea &area) {
    std::ifstream maps("/proc/self/maps");
    const std::string start = fmt::format("{:08x}-", area.start);
    for (std::string line; std::getline(maps, line);) {
        if (line.starts_with(start)) {
            const size_t path = line.find('/');
            return path == std::string::npos ? std::string() : line.substr(path);
        }
    }
    return {};
}

UniqueFd OpenByPath(const MappedArea &area) {
    const std::string path = PathOf(area);
    UniqueFd fd = path.empty() ? UniqueFd() : Open(path, area);
    return fd && IsThatFile(fd.get(), area) ? std::move(fd) : UniqueFd();
}

UniqueFd OpenAmongDescriptors(const MappedArea &area) {
    std::error_code error;
    for (const auto &entry : std::filesystem::directory_iterator("/proc/self/fd", error)) {
        const std::string name = entry.path().filename().string();
        int fd = -1;
        std::from_chars(name.data(), name.data() + name.size(), fd);
        if (fd >= 0 && IsThatFile(fd, area)) {
            // Opened again: the application's own descriptor may allow more than the mapping.
            if (UniqueFd opened = Open(entry.path().string(), area)) {
                return opened;
            }
        }
    }
    return {};
}

}  // namespace

std::expected<std::shared_ptr<SharedRegion>, int> OpenMappedFile(const MappedArea &area) {
    UniqueFd fd = Open(fmt::format("/proc/self/map_files/{:x}-{:x}", area.start, area.end), area);
    if (!fd) {
        fd = OpenByPath(area);
    }
    if (!fd) {
        fd = OpenAmongDescriptors(area);
    }
    struct stat status = {};
    if (!fd || fstat(fd.get(), &status) != 0) {
        return std::unexpected(ENOENT);
    }
    return SharedRegion::Adopt(std::move(fd), static_cast<uint64_t>(status.st_size),
                               CutShort::kMaybe);
}

}  // namespace opendext::channel
