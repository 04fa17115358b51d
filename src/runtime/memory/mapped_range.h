// SPDX-License-Identifier: Apache-2.0
/// @file mapped_range.h
/// Runs of bytes mapped one after another into this process, for a driver.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/mapping.h"
#include "runtime/memory/backing.h"
#include "runtime/memory/read_only_mappings.h"

namespace opendext::memory {

/// Inaccessible pages on both sides of a mapping: none, one page, 64 KiB.
enum class Guard { kNone, kSmall, kLarge };

/// Where and how to map.
struct MapRequest {
    MapAccess access = MapAccess::kReadWrite;
    Guard guard = Guard::kSmall;
    std::optional<uint64_t> fixed_address;  ///< Of the first byte. No guard then.
    /// Pieces that meet inside a page are mapped all the same, each in pages of its own: then the bytes of
    /// a piece do not follow those of the one before.
    bool may_have_gaps = false;
    ReadOnlyReason read_only_reason = ReadOnlyReason::kDirectionOut;  ///< For diagnostics.
};

/// Bytes of this process, contiguous unless they may have gaps. Exactly the pages that hold them are mapped.
/// Unmapped when the last owner goes. Immutable, any thread.
class MappedRange {
public:
    ~MappedRange();
    MappedRange(const MappedRange &) = delete;
    MappedRange &operator=(const MappedRange &) = delete;

    /// Maps `extents` in order. Without gaps, each but the first starts on a page and each but the last ends on
    /// one. Memory of a device that has no region is where it is: it cannot be mapped again, elsewhere or
    /// read-only.
    /// @return errno: EINVAL (nothing to map, crooked pieces, crooked fixed address), EEXIST (pages at the
    /// fixed address are taken), EOPNOTSUPP (memory of a device), EACCES, ENOMEM.
    [[nodiscard]] static std::expected<std::shared_ptr<const MappedRange>, int> Make(
        std::span<const Extent> extents, const MapRequest &request);

    [[nodiscard]] std::byte *address() const { return address_; }
    [[nodiscard]] uint64_t length() const { return length_; }

    /// Where the byte at `offset` of the range is; `offset` is below the length.
    [[nodiscard]] std::byte *AddressOf(uint64_t offset) const;

private:
    /// The byte at `offset` and those up to the next piece are at `address`.
    struct Piece {
        uint64_t offset = 0;
        std::byte *address = nullptr;
    };

    MappedRange(std::byte *address, uint64_t length) : address_(address), length_(length) {}
    void NoteIfReadOnly(const MapRequest &request);
    [[nodiscard]] bool WatchPages(const std::byte *start, uint64_t num_bytes);
    [[nodiscard]] static std::expected<std::shared_ptr<const MappedRange>, int> MakeOfDevice(
        std::span<const Extent> extents, const MapRequest &request);
    [[nodiscard]] static std::expected<std::shared_ptr<const MappedRange>, int> MakeOverlay(
        std::span<const Extent> extents, const MapRequest &request);
    /// Puts the pages of each run over reserved address space from `target` on. @return errno or 0.
    [[nodiscard]] int OverlayPages(std::span<const Extent> extents, MapAccess access,
                                   std::byte *target);

    std::byte *const address_;
    const uint64_t length_;
    std::vector<Piece> pieces_;                           // of a range with gaps
    std::vector<std::shared_ptr<SharedRegion>> regions_;  // that are mapped in our own reservation
    std::shared_ptr<const void>
        keeper_;  // what holds the bytes, if they are not our own reservation
    std::byte *reservation_ = nullptr;
    uint64_t reservation_bytes_ = 0;
    std::optional<WatchedPages> watch_;  // of our own reservation
    std::optional<ReadOnlyMappingEntry> read_only_entry_;
};

}  // namespace opendext::memory
