// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/mman.h>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "tests/rig/private_folder.h"

namespace opendext::rig {

/// Memory of an application, as long as this object lives.
class AppBytes {
public:
    AppBytes(std::span<uint8_t> bytes, std::function<void()> release)
        : bytes_(bytes), release_(std::move(release)) {}
    ~AppBytes() {
        if (release_) {
            release_();
        }
    }
    AppBytes(AppBytes &&other) noexcept
        : bytes_(other.bytes_), release_(std::exchange(other.release_, nullptr)) {}
    AppBytes &operator=(AppBytes &&) = delete;

    [[nodiscard]] std::span<uint8_t> all() const { return bytes_; }
    [[nodiscard]] std::span<uint8_t> sub(size_t offset, size_t length) const {
        return bytes_.subspan(offset, length);
    }

private:
    const std::span<uint8_t> bytes_;
    std::function<void()> release_;
};

/// Anonymous pages, zero-filled.
[[nodiscard]] AppBytes MapPages(size_t num_bytes, int protection = PROT_READ | PROT_WRITE,
                                int more_flags = 0);

/// A kind of memory that an application has.
struct KindOfMemory {
    std::string name;
    /// `num_bytes` of it (at most kKindBytes), each of them 0 or what a file holds.
    std::function<AppBytes(size_t num_bytes)> make;
    bool is_writable = true;
};
inline constexpr size_t kKindBytes = 256 * 1024;

/// Heap, stack of another thread, globals, mappings of memory and of files. Files go to `folder`.
[[nodiscard]] std::vector<KindOfMemory> KindsOfMemory(const PrivateFolder &folder);

}  // namespace opendext::rig
