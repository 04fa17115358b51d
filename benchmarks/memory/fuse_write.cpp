// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/memory/fuse_write.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>

namespace opendext::bench {

namespace {

constexpr unsigned kMaxWriteBytes = 1U << 20;

// Of the latest write; in the serving process, which has one thread.
struct Ends {
    uint32_t first = 0;
    uint32_t last = 0;
};
Ends ends;

void *Init(fuse_conn_info *connection, fuse_config *) {
    connection->max_write = kMaxWriteBytes;
    return nullptr;
}

int Open(const char *, fuse_file_info *file) {
    file->direct_io = 1;
    return 0;
}

// A write above kMaxWriteBytes comes in pieces, in order.
int Write(const char *, const char *bytes, size_t num_bytes, off_t offset, fuse_file_info *) {
    if (num_bytes < sizeof(uint32_t)) {
        return -EINVAL;
    }
    if (offset == 0) {
        std::memcpy(&ends.first, bytes, sizeof(ends.first));
    }
    std::memcpy(&ends.last, bytes + num_bytes - sizeof(ends.last), sizeof(ends.last));
    return static_cast<int>(num_bytes);
}

int Read(const char *, char *bytes, size_t num_bytes, off_t, fuse_file_info *) {
    const size_t num_copied = std::min(num_bytes, sizeof(ends));
    std::memcpy(bytes, &ends, num_copied);
    return static_cast<int>(num_copied);
}

}  // namespace

std::expected<FuseMount, std::string> MountFuseWriteFile() {
    return FuseMount::Make({.open = Open, .read = Read, .write = Write, .init = Init});
}

}  // namespace opendext::bench
