// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/memory/app/fresh_buffers.h"

#include <sys/mman.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>

namespace opendext::bench {

namespace {

// As glibc's malloc: larger blocks are mapped.
constexpr size_t kLargestNeighbour = size_t{128} * 1024 - 1;
constexpr size_t kAlignment = 16;

/// Where the next mapping goes: an address that no earlier one had, so that nothing known of one is taken for another.
std::byte *NextAddress(size_t num_bytes) {
    static uintptr_t next = uintptr_t{1} << 45;
    const auto page_size = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    auto *address = reinterpret_cast<std::byte *>(next);
    next += (num_bytes / page_size + 2) * page_size;
    return address;
}

}  // namespace

std::expected<FreshPages, std::string> FreshPages::Map(size_t num_bytes) {
    void *memory = mmap(NextAddress(num_bytes), num_bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        return std::unexpected(fmt::format("{} bytes: {}", num_bytes, std::strerror(errno)));
    }
    FreshPages pages;
    pages.bytes_ = {static_cast<std::byte *>(memory), num_bytes};
    return pages;
}

FreshPages::~FreshPages() {
    if (!bytes_.empty()) {
        munmap(bytes_.data(), bytes_.size());
    }
}

void FreshPages::Touch() {
    const auto page_size = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    for (size_t at = 0; at < bytes_.size(); at += page_size) {
        bytes_[at] = std::byte{1};
    }
}

std::expected<FreshBuffers, std::string> FreshBuffers::Make(size_t num_bytes, size_t count) {
    const bool is_large = num_bytes > kLargestNeighbour;
    const size_t stride = is_large ? 0 : (num_bytes + kAlignment - 1) / kAlignment * kAlignment;
    FreshBuffers buffers(num_bytes, stride);
    for (size_t i = 0; i < (is_large ? count : 1); ++i) {
        auto pages = FreshPages::Map(is_large ? num_bytes : stride * count);
        if (!pages) {
            return std::unexpected(std::move(pages.error()));
        }
        buffers.mappings_.push_back(*std::move(pages));
    }
    return buffers;
}

std::span<std::byte> FreshBuffers::Fill(size_t index, uint32_t word) {
    const auto mapping = mappings_[stride_ == 0 ? index : 0].bytes();
    const auto buffer = mapping.subspan(index * stride_, num_bytes_);
    std::memset(buffer.data(), static_cast<int>(word & 0xFF), buffer.size());
    Stamp(buffer, word);
    return buffer;
}

void Stamp(std::span<std::byte> buffer, uint32_t word) {
    std::memcpy(buffer.data(), &word, sizeof(word));
    std::memcpy(buffer.last(sizeof(word)).data(), &word, sizeof(word));
}

}  // namespace opendext::bench
