// SPDX-License-Identifier: Apache-2.0
/// @file shared_region.h
/// Memory that processes share: a sealed memfd, views of its pages in this process, and slices of it as
/// they are named between rooms.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "base/cut_file.h"
#include "base/interval_index.h"
#include "base/mapping.h"
#include "base/unique_fd.h"

namespace opendext {

/// Whole pages of a region mapped into this process, between two inaccessible pages, so that running off
/// either end faults. Unmapped when the last owner goes; independent of the region's lifetime. Immutable,
/// any thread.
class RegionView {
public:
    ~RegionView();
    RegionView(const RegionView &) = delete;
    RegionView &operator=(const RegionView &) = delete;

    /// First byte of the first page.
    [[nodiscard]] std::byte *address() const { return address_; }
    /// Offset of that page in the region.
    [[nodiscard]] uint64_t offset() const { return offset_; }
    /// A multiple of the page size; the guard pages not included.
    [[nodiscard]] uint64_t num_bytes() const { return num_bytes_; }
    [[nodiscard]] MapAccess access() const { return access_; }

private:
    friend class SharedRegion;
    RegionView(std::byte *address, uint64_t offset, uint64_t num_bytes, MapAccess access,
               std::optional<WatchedPages> watch)
        : address_(address),
          offset_(offset),
          num_bytes_(num_bytes),
          access_(access),
          watch_(std::move(watch)) {}

    std::byte *const address_;
    const uint64_t offset_;
    const uint64_t num_bytes_;
    const MapAccess access_;
    std::optional<WatchedPages> watch_;  // if the region's file may be cut short
};

class SharedRegion;

/// Learns that this process has let go of a region, to have it forgotten elsewhere.
class RegionEndListener {
public:
    virtual ~RegionEndListener() = default;

    /// The region is being destroyed, on the thread of its last owner, whatever that holds. `region` is not to be used
    /// but as a name.
    virtual void OnRegionEnd(const SharedRegion *region) = 0;
};

/// Whether somebody can cut a region's file short. Then what it has lost reads as zeros here (WatchedPages).
enum class CutShort : uint8_t { kNever, kMaybe };

/// Memory that processes share by passing its file descriptor: a memfd of a fixed size that can never
/// shrink (it is sealed), so that a mapping of it cannot fault; or any file that an application has mapped for itself
/// and others. Held by shared_ptr; the storage lives as
/// long as any process holds the descriptor or a mapping. Each region holds one file descriptor.
/// Thread-safe.
class SharedRegion : public std::enable_shared_from_this<SharedRegion> {
public:
    ~SharedRegion();
    SharedRegion(const SharedRegion &) = delete;
    SharedRegion &operator=(const SharedRegion &) = delete;

    /// Zero-filled memory of `num_bytes`, rounded up to whole pages. `name` shows in /proc/PID/maps.
    /// @return errno: EINVAL for 0 bytes, ENOMEM, EMFILE.
    [[nodiscard]] static std::expected<std::shared_ptr<SharedRegion>, int> Create(
        uint64_t num_bytes, const char *name);

    /// Takes a descriptor that another process sent, or of a file. Nothing of it is believed: it must be a memfd sealed
    /// against shrinking or, where that is allowed, a regular file of memory or of a local disk; of at least
    /// `num_bytes` bytes.
    /// @return errno: EINVAL when it is not.
    [[nodiscard]] static std::expected<std::shared_ptr<SharedRegion>, int> Adopt(
        UniqueFd fd, uint64_t num_bytes, CutShort allowed = CutShort::kNever);

    /// The descriptor, to be sent to another process or mapped without this object; the region still owns it.
    [[nodiscard]] int ExportFd() {
        MarkExported();
        return fd_.get();
    }
    /// The memory may be reached without this object from now on: it is never used again for something else.
    void MarkExported() { exported_.store(true, std::memory_order_relaxed); }

    [[nodiscard]] uint64_t num_bytes() const { return num_bytes_; }
    [[nodiscard]] bool may_be_cut() const { return may_be_cut_; }

    /// The whole region mapped for reading and writing; mapped at the first call, then always the same
    /// address until the region is destroyed. NULL when the system has no address space or memory left.
    [[nodiscard]] std::byte *Writable();

    /// As Writable, mapped for reading only: a write there faults.
    [[nodiscard]] const std::byte *ReadOnly();

    /// The pages that hold [offset, offset + num_bytes), and no others. The same pages with the same access
    /// give the same view while it has an owner, and for a while longer: the region keeps the last few.
    /// @return errno: EINVAL for an empty range, one that is not within the region or kCopyOnWrite (nobody can
    /// share such a view), EACCES or EPERM (the descriptor does not allow the access), ENOMEM.
    [[nodiscard]] std::expected<std::shared_ptr<const RegionView>, int> View(uint64_t offset,
                                                                             uint64_t num_bytes,
                                                                             MapAccess access);

    /// For who needs neither only these pages nor a write to fault: a writable view that is there and
    /// holds the range, else as View.
    [[nodiscard]] std::expected<std::shared_ptr<const RegionView>, int> CoveringView(
        uint64_t offset, uint64_t num_bytes, MapAccess access);

    /// Maps whole pages of the region over address space of the caller, who unmaps them and keeps the region
    /// until then, and watches them if it may be cut. `offset` and `num_bytes` are multiples of the page size.
    /// @return errno or 0: EINVAL for a range that is not within the region, else as View.
    [[nodiscard]] int MapOver(std::byte *address, uint64_t offset, uint64_t num_bytes,
                              MapAccess access);

    /// Tells `listener`, while it exists, when this is destroyed; once, however often it is added.
    void AddEndListener(const std::weak_ptr<RegionEndListener> &listener);

private:
    friend class RegionPool;
    using ViewPointer = std::shared_ptr<const RegionView>;
    using OwnedView = std::unique_ptr<const RegionView>;
    struct PageRange {
        uint64_t first = 0;  ///< In bytes, as the length.
        uint64_t length = 0;
    };
    /// A view in use is known by `active`; one that nobody uses is owned by `idle`. A view whose last owner is
    /// giving it back at this moment has neither.
    struct KnownView {
        std::weak_ptr<const RegionView> active;
        OwnedView idle;
        std::list<IntervalIndex<KnownView>::Node *>::iterator in_idle_order;
    };
    using ViewIndex = IntervalIndex<KnownView>;
    class GiveBack;

    SharedRegion(UniqueFd fd, uint64_t num_bytes, bool may_be_cut);
    [[nodiscard]] static std::expected<std::unique_ptr<SharedRegion>, int> Make(uint64_t num_bytes,
                                                                                const char *name);
    [[nodiscard]] std::byte *Whole(MapAccess access, std::atomic<std::byte *> &address,
                                   ViewPointer &view);
    [[nodiscard]] std::expected<OwnedView, int> MapPages(PageRange pages, MapAccess access);
    [[nodiscard]] std::expected<PageRange, int> PagesOf(uint64_t offset, uint64_t num_bytes) const;
    [[nodiscard]] ViewIndex &IndexOf(MapAccess access) {
        return access == MapAccess::kReadWrite ? writable_views_ : read_only_views_;
    }
    [[nodiscard]] ViewPointer UseLocked(ViewIndex::Node *node);
    void TakeBack(ViewIndex::Node *node, OwnedView view);
    [[nodiscard]] const RegionView *OnlyIdleView();

    const UniqueFd fd_;
    const uint64_t num_bytes_;
    const bool may_be_cut_;
    std::atomic<bool> exported_ = false;
    std::atomic<std::byte *> writable_ = nullptr;
    std::atomic<std::byte *> read_only_ = nullptr;
    std::mutex views_mutex_;
    ViewIndex writable_views_;                 // guarded by views_mutex_
    ViewIndex read_only_views_;                // guarded by views_mutex_
    std::list<ViewIndex::Node *> idle_views_;  // guarded by views_mutex_; the longest idle first
    ViewPointer whole_writable_;               // guarded by views_mutex_
    ViewPointer whole_read_only_;              // guarded by views_mutex_
    std::vector<std::weak_ptr<RegionEndListener>> end_listeners_;  // guarded by views_mutex_
};

/// A slice of a region: what a descriptor in the driver stands on. `region` may be empty: the range was
/// not readable in its owner, and whoever maps it gets an error.
struct SharedSlice {
    std::shared_ptr<SharedRegion> region;
    uint64_t offset = 0;
    uint64_t length = 0;
};

}  // namespace opendext
