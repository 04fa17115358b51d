// SPDX-License-Identifier: Apache-2.0
/// @file region_pool.h
/// Small regions of shared memory that are used again, because making one takes ten system calls and faults.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <mutex>
#include <vector>

#include "base/shared_region.h"

namespace opendext {

/// Gives out regions as SharedRegion::Create does, and keeps some of those that their last owner let go, with
/// their mapping, to give them out again, filled with zeros. Only regions that this process alone ever
/// reached are kept (SharedRegion::MarkExported), and only sizes that were asked for again after one was let go.
/// A kept region costs its memory and a file descriptor, so there are limits, and whoever lets go of
/// more than kMostKept in a row gets all of it back to the system.
///
/// Under AddressSanitizer the mapping of a kept region is poisoned: a use after the release is reported.
/// Held by shared_ptr: regions outlive it. Thread-safe.
class RegionPool : public std::enable_shared_from_this<RegionPool> {
public:
    static constexpr size_t kMostKept = 64;
    static constexpr uint64_t kMostKeptPages = 512;
    static constexpr uint64_t kLargestKeptPages = 16;

    /// `name` as for SharedRegion::Create, for all regions; it lives as long as the pool.
    [[nodiscard]] static std::shared_ptr<RegionPool> Create(const char *name);

    ~RegionPool();
    RegionPool(const RegionPool &) = delete;
    RegionPool &operator=(const RegionPool &) = delete;

    /// Zero-filled memory of `num_bytes`, rounded up to whole pages. Before it fails because the process may open
    /// no more files, the kept regions are given up and its soft limit is raised to the hard one.
    /// @return errno, as SharedRegion::Create.
    [[nodiscard]] std::expected<std::shared_ptr<SharedRegion>, int> Take(uint64_t num_bytes);

    /// How many regions are kept now.
    [[nodiscard]] size_t num_kept() const;

private:
    using OwnedRegion = std::unique_ptr<SharedRegion>;
    /// Regions of one size.
    struct Shelf {
        std::vector<OwnedRegion> kept;
        size_t room = 0;             ///< How many may be kept: as many as were missed so far.
        size_t num_turned_away = 0;  ///< Let go and not kept, and not asked for again since.
    };
    class LetGo;

    explicit RegionPool(const char *name) : name_(name) {}
    [[nodiscard]] OwnedRegion TakeKept(uint64_t num_pages);
    [[nodiscard]] std::expected<OwnedRegion, int> Make(uint64_t num_bytes);
    void TakeBack(OwnedRegion region);
    [[nodiscard]] std::vector<OwnedRegion> EmptyLocked();

    const char *const name_;
    mutable std::mutex mutex_;
    std::array<Shelf, kLargestKeptPages> shelves_;  // guarded by mutex_; by size in pages, less one
    size_t num_kept_ = 0;                           // guarded by mutex_
    uint64_t num_kept_pages_ = 0;                   // guarded by mutex_
    size_t num_let_go_in_a_row_ = 0;                // guarded by mutex_
};

}  // namespace opendext
