// SPDX-License-Identifier: Apache-2.0
#include "channel/memory/address_space.h"

#include <fcntl.h>
#include <linux/ioctl.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <utility>

namespace opendext::channel {

namespace {

/// What PROCMAP_QUERY takes and gives (Linux 6.11, include/uapi/linux/fs.h), which Debian 12's headers lack.
struct ProcmapQuery {
    uint64_t size;
    uint64_t query_flags;
    uint64_t query_addr;
    uint64_t vma_start;
    uint64_t vma_end;
    uint64_t vma_flags;
    uint64_t vma_page_size;
    uint64_t vma_offset;
    uint64_t inode;
    uint32_t dev_major;
    uint32_t dev_minor;
    uint32_t vma_name_size;
    uint32_t build_id_size;
    uint64_t vma_name_addr;
    uint64_t build_id_addr;
};
static_assert(sizeof(ProcmapQuery) == 104);
constexpr unsigned long kProcmapQuery = _IOWR('f', 17, ProcmapQuery);
constexpr uint64_t kCoveringOrNext = 0x10;
constexpr uint64_t kReadable = 1;
constexpr uint64_t kWritable = 2;
constexpr uint64_t kExecutable = 4;
constexpr uint64_t kShared = 8;

constexpr const char *kMapsPath = "/proc/self/maps";

/// One line of /proc/self/maps, without its name. @return nullopt for anything else.
std::optional<MappedArea> ParseLine(const char *line) {
    MappedArea area;
    std::array<char, 5> flags = {};
    if (std::sscanf(line, "%" SCNx64 "-%" SCNx64 " %4c %" SCNx64 " %x:%x %" SCNu64, &area.start,
                    &area.end, flags.data(), &area.offset, &area.file.device_major,
                    &area.file.device_minor, &area.file.inode) != 7) {
        return std::nullopt;
    }
    area.is_readable = flags[0] == 'r';
    area.is_writable = flags[1] == 'w';
    area.is_executable = flags[2] == 'x';
    area.is_shared = flags[3] == 's';
    return area;
}

}  // namespace

int MappedArea::protection() const {
    return (is_readable ? PROT_READ : 0) | (is_writable ? PROT_WRITE : 0) |
           (is_executable ? PROT_EXEC : 0);
}

AddressSpace::AddressSpace() : fd_(open(kMapsPath, O_RDONLY | O_CLOEXEC)) {}

void AddressSpace::Reopen() {
    fd_.Reset(open(kMapsPath, O_RDONLY | O_CLOEXEC));
}

std::optional<MappedArea> AddressSpace::AreaAt(uint64_t address) {
    auto area = AreaAtOrAfter(address);
    return area && area->start <= address ? area : std::nullopt;
}

std::optional<MappedArea> AddressSpace::AreaAtOrAfter(uint64_t address) {
    if (has_query_.load(std::memory_order_relaxed)) {
        ProcmapQuery query = {};
        query.size = sizeof(query);
        query.query_flags = kCoveringOrNext;
        query.query_addr = address;
        if (ioctl(fd_.get(), kProcmapQuery, &query) == 0) {
            return MappedArea{.start = query.vma_start,
                              .end = query.vma_end,
                              .is_readable = (query.vma_flags & kReadable) != 0,
                              .is_writable = (query.vma_flags & kWritable) != 0,
                              .is_executable = (query.vma_flags & kExecutable) != 0,
                              .is_shared = (query.vma_flags & kShared) != 0,
                              .offset = query.vma_offset,
                              .file = {query.dev_major, query.dev_minor, query.inode}};
        }
        if (errno == ENOENT) {
            return std::nullopt;
        }
        has_query_.store(false, std::memory_order_relaxed);
    }
    TextReader reader;
    auto area = reader.Next();
    while (area && area->end <= address) {
        area = reader.Next();
    }
    return area;
}

AddressSpace::TextReader::TextReader() : maps_(open(kMapsPath, O_RDONLY | O_CLOEXEC)) {}

bool AddressSpace::TextReader::ReadMore() {
    std::memmove(buffer_.data(), buffer_.data() + line_, end_ - line_);
    end_ -= std::exchange(line_, 0);
    const ssize_t num_read = read(maps_.get(), buffer_.data() + end_, buffer_.size() - end_);
    end_ += num_read > 0 ? static_cast<size_t>(num_read) : 0;
    return num_read > 0;
}

std::optional<MappedArea> AddressSpace::TextReader::Next() {
    while (true) {
        char *const line = buffer_.data() + line_;
        auto *const newline = static_cast<char *>(std::memchr(line, '\n', end_ - line_));
        if (newline != nullptr) {
            *newline = '\0';
            line_ = static_cast<size_t>(newline + 1 - buffer_.data());
            if (const auto area = ParseLine(line)) {
                return area;
            }
        } else if (!ReadMore()) {
            return std::nullopt;
        }
    }
}

}  // namespace opendext::channel
