// SPDX-License-Identifier: Apache-2.0
/// @file address_space.h
/// What is mapped at an address of this process: the kernel's own answer, never a memory of ours.
#pragma once

#include <sys/types.h>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/unique_fd.h"

namespace opendext::channel {

/// A file as the kernel tells it apart from others.
struct FileIdentity {
    uint32_t device_major = 0;
    uint32_t device_minor = 0;
    uint64_t inode = 0;

    bool operator==(const FileIdentity &) const = default;
};

/// One mapping: pages in a row with the same origin and protection.
struct MappedArea {
    uint64_t start = 0;
    uint64_t end = 0;  ///< One past the last byte.
    bool is_readable = false;
    bool is_writable = false;
    bool is_executable = false;
    bool is_shared = false;
    uint64_t offset = 0;  ///< Of `start`, in the file.
    FileIdentity file;    ///< inode 0: no file.

    [[nodiscard]] int protection() const;
};

/// Asks the kernel. Any thread, also a child after fork().
class AddressSpace {
public:
    AddressSpace();

    /// The mapping that holds `address`: half a microsecond by ioctl, and as long as it takes to read
    /// /proc/self/maps on kernels before 6.11, which lack it. No allocation. @return nullopt where nothing is mapped.
    [[nodiscard]] std::optional<MappedArea> AreaAt(uint64_t address);

    /// The mapping that holds `address`, else the next one above it. @return nullopt where there is none.
    [[nodiscard]] std::optional<MappedArea> AreaAtOrAfter(uint64_t address);

    /// Shows every mapping to `visit`, lowest first, without allocation. `visit` may change what is mapped.
    template <typename Visit>
    void ForEachArea(Visit visit) {
        if (has_query_.load(std::memory_order_relaxed)) {
            uint64_t at = 0;
            for (auto area = AreaAtOrAfter(at); area; area = AreaAtOrAfter(at)) {
                at = area->end;
                visit(*area);
            }
            return;
        }
        TextReader reader;
        while (const auto area = reader.Next()) {
            visit(*area);
        }
    }

    /// A process that gave up its privileges may not look at itself any more.
    [[nodiscard]] bool is_readable() const { return fd_.is_valid(); }

    /// In a child after fork(): the descriptor of the parent tells of the parent.
    void Reopen();

    /// As AreaAt on an old kernel; for tests.
    void UseTextOnly() { has_query_.store(false); }
    [[nodiscard]] bool uses_text_only() const { return !has_query_.load(); }

private:
    /// The text of /proc/self/maps, mapping by mapping.
    class TextReader {
    public:
        TextReader();
        [[nodiscard]] std::optional<MappedArea> Next();

    private:
        /// @return whether there is more.
        bool ReadMore();

        const UniqueFd maps_;
        // The kernel gives whole lines; a line is as long as a path at most.
        std::array<char, 8192> buffer_;
        size_t line_ = 0;  // where the next one starts
        size_t end_ = 0;
    };

    std::atomic<bool> has_query_ = true;
    UniqueFd fd_;
};

}  // namespace opendext::channel
