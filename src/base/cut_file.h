// SPDX-License-Identifier: Apache-2.0
/// @file cut_file.h
/// Pages of a file that somebody else may cut short while this process has them mapped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

namespace opendext {

/// A range of this process whose pages may go away: as long as this object lives, an access to a page that its file no
/// longer has finds zeros, and what is written there stays in this process, instead of SIGBUS. Said once, when the
/// object goes. Moved, not copied; one thread.
class WatchedPages {
public:
    /// How many ranges can be watched at a time.
    static constexpr size_t kMaxRanges = 4096;

    /// @param start a page; `num_bytes` whole pages, mapped until the object is gone.
    /// @return nullopt when too many are watched.
    [[nodiscard]] static std::optional<WatchedPages> Watch(const std::byte *start,
                                                           uint64_t num_bytes);

    ~WatchedPages();
    WatchedPages(WatchedPages &&other) noexcept;
    WatchedPages &operator=(WatchedPages &&other) noexcept {
        std::swap(slot_, other.slot_);
        return *this;
    }

private:
    explicit WatchedPages(size_t slot) : slot_(slot) {}

    size_t slot_;  // kMaxRanges: moved from
};

}  // namespace opendext
