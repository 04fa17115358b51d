// SPDX-License-Identifier: Apache-2.0
/// @file app_memory.h
/// The memory of this process, an application's, as something that can be shared with a driver process.
///
/// Ordinary memory cannot be shared after the fact, so a range that is worth it is *adopted*: its pages are
/// moved, in place, into a SharedRegion that is then mapped where they were. The application's other threads
/// go on meanwhile: one that writes there waits for the moment of the move and loses nothing.
///
/// Nothing is remembered by address. Whether an address is shareable, as which bytes of which region, and
/// with which protection, is asked of the kernel's own table of mappings at every use: what the application
/// unmapped, remapped or protected since cannot be given out.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <expected>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "base/mapping.h"
#include "base/shared_region.h"
#include "channel/memory/address_space.h"
#include "channel/memory/page_mover.h"
#include "channel/memory/region_table.h"

namespace opendext::channel {

/// Bytes of this process, any alignment; nothing about it is checked yet.
struct AppRange {
    uint64_t address = 0;
    uint64_t length = 0;
};

/// Why memory cannot be shared.
enum class ShareFailure {
    kUnmapped,   ///< Some of it is not mapped, or not readable.
    kProtected,  ///< Writing was asked for, and some of it is not writable.
    kNotMovable,  ///< It stands on something that cannot be moved or passed (code, a device, the mover itself).
    kNotAllowed,  ///< The system does not let this process move pages (no userfaultfd); logged once.
    kNoMemory,
};

/// One per process, because there is one address space. Any thread; a thread in Share may wait for another's
/// move, never for another process. Survives fork(): the child gets a copy of what was shared, as of any
/// other memory, and shares nothing.
///
/// It lies on pages of its own: none of them is ever moved, so that around fork() parent and child each have it.
class alignas(4096) AppMemory {
public:
    [[nodiscard]] static AppMemory &OfThisProcess();

    AppMemory(const AppMemory &) = delete;
    AppMemory &operator=(const AppMemory &) = delete;

    /// The range where it is shareable already and lies in one region. About a microsecond, whatever its size;
    /// no allocation. @return nullopt when it is not, or does not allow the access.
    [[nodiscard]] std::optional<SharedSlice> Find(const AppRange &range, MapAccess access);

    /// As Find, and pinned: for what a driver writes to. A fork of another thread takes shared pages back, and what it took
    /// meanwhile is not given out.
    [[nodiscard]] std::optional<SharedSlice> FindPinned(const AppRange &range, MapAccess access);

    /// As Find, for memory that is of one file of the application's own, mapped shared: shm_open, a memfd, a file on a
    /// disk. It can be shared as it is and never be given other pages, so that no snapshot can stand on it.
    /// The file is opened at the first use; half a microsecond where it is no such memory.
    [[nodiscard]] std::optional<SharedSlice> FindFile(const AppRange &range, MapAccess access);

    /// Whether pages of the application's own files will do, or only those that can be given up later.
    enum class Files { kIncluded, kExcluded };

    enum class Pins { kNone, kOneEach };

    /// Makes the range shareable: the pages that are not yet are moved, each run of them into a new region.
    /// Whole pages are moved: what else is on the first and the last one becomes reachable with them.
    /// @param pins each slice is pinned once before a fork can take it back.
    /// @return slices in order, together exactly the range.
    [[nodiscard]] std::expected<std::vector<SharedSlice>, ShareFailure> Share(
        const AppRange &range, MapAccess access, Files files = Files::kIncluded,
        Pins pins = Pins::kNone);

    /// A driver may write to the region's pages: until Unpin, neither Leave nor a fork moves them away. Counted. Where the
    /// application may be forking, FindPinned and Share do it: this is late.
    void Pin(const SharedRegion &region) { table_.Pin(region); }
    void Unpin(const SharedRegion &region) { table_.Unpin(region); }

    /// Gives the range other pages with the same contents: whoever holds the old region keeps the bytes of this
    /// moment, and the application's later writes do not reach them. Pinned pages stay as they are.
    /// @return what was not moved is still shared.
    [[nodiscard]] std::expected<void, ShareFailure> Leave(const AppRange &range);

    /// What the range shows after Replace: what the slice holds, or what it showed before, other threads' writes
    /// meanwhile included.
    enum class Contents { kOfTheSlice, kOfTheRange };

    /// Maps `slice` where the range is, so that whoever has it and the application see each other's writes from now
    /// on. slice.offset is congruent with range.address modulo the page size, and the lengths are equal. The
    /// other bytes of the first and the last page are copied into the region first. The region is pinned for good. What of
    /// the range was shared before is no longer; where that is pinned, nothing happens.
    [[nodiscard]] std::expected<void, ShareFailure> Replace(const AppRange &range,
                                                            const SharedSlice &slice,
                                                            Contents contents);

    /// Zero-filled memory that is shareable from the start, page aligned, `length` rounded up to pages.
    /// `fixed_address` 0: anywhere; else a page, with nothing mapped there.
    /// @return its address, or kNoMemory.
    [[nodiscard]] std::expected<uint64_t, ShareFailure> Allocate(uint64_t length,
                                                                 uint64_t fixed_address = 0);

    /// Drops the contents of a range as madvise(MADV_DONTNEED) does for private memory: shared pages in it read
    /// as zeros afterwards. Called by the application's own madvise (client_calls.cpp).
    void Discard(const AppRange &range);

    /// mremap(2) of a range with shared pages. Where it moves they stay shared. Where it grows it gets private pages with
    /// the same contents, since beyond the shared ones there is nothing; a driver keeps the old ones.
    /// Called by the application's own mremap (client_calls.cpp). @return as mremap, with errno.
    [[nodiscard]] void *Remap(const AppRange &range, uint64_t new_length, int flags, void *target);

    /// Whether some of the range's pages are shared.
    [[nodiscard]] bool HasShared(const AppRange &range);

    /// Whether any memory was shareable yet: a cheap test, before there is an instance too.
    [[nodiscard]] static bool IsInUse() { return is_in_use_.load(std::memory_order_relaxed); }

    /// Told when a region is not mapped by this process any more: the peers that know it can forget it. On any
    /// thread, with no lock of this room held but the listeners' own.
    class Listener {
    public:
        virtual void RegionGone(const SharedRegion &region) = 0;

    protected:
        ~Listener() = default;
    };
    void AddListener(Listener *listener);
    /// Returns when no call of `listener` is running.
    void RemoveListener(Listener *listener);

    /// Forgets the regions that this process does not map any more. Runs by itself about once a second while
    /// there are any; tests call it.
    void Sweep();

    /// For tests: as on a system that refuses userfaultfd, or that lacks PROCMAP_QUERY.
    void ForbidMovesForTest(bool is_forbidden) { moves_are_forbidden_.store(is_forbidden); }
    void CallBeforeMappingForTest(PageMover::Hook hook);
    AddressSpace &address_space_for_test() { return space_; }
    [[nodiscard]] size_t num_forgotten_for_test() { return table_.Forgotten().size(); }

private:
    AppMemory() = default;
    ~AppMemory() = default;

    /// A run of pages and what they stand on.
    struct Run {
        uint64_t start = 0;
        uint64_t end = 0;
        std::shared_ptr<SharedRegion> region;  ///< NULL: still to be moved.
        uint64_t offset = 0;                   ///< Of `start` in the region.
        std::vector<MappedArea> areas;         ///< Of a run that is to be moved.
    };
    [[nodiscard]] std::expected<std::vector<Run>, ShareFailure> Survey(uint64_t start, uint64_t end,
                                                                       MapAccess access,
                                                                       Files files);
    /// The slice that the range's mappings show. `region_of` tells of a mapping which region it shows, or NULL.
    template <typename RegionOf>
    [[nodiscard]] std::optional<SharedSlice> SliceOf(const AppRange &range, MapAccess access,
                                                     RegionOf region_of);
    /// The file of a mapping that is shared and not ours, with all that the mapping shows of it; NULL: there is no such
    /// file. With move_mutex_ held.
    [[nodiscard]] std::shared_ptr<SharedRegion> FileOf(const MappedArea &area);
    [[nodiscard]] std::expected<void, ShareFailure> MoveRun(Run &run);
    /// The runs, which follow each other, as one that is to be moved; nullopt where some of it is pinned.
    [[nodiscard]] std::optional<Run> WholeOf(const std::vector<Run> &runs);
    [[nodiscard]] std::expected<void, ShareFailure> MoveAreas(const Run &run, PageMove move);
    /// Makes two mappings of one, so that libc's realloc cannot enlarge it in place with mremap: beyond the end of the
    /// file there is nothing. It allocates and copies instead. (What else MADV_RANDOM does, it does to files on disks.)
    static void KeepFromGrowing(uint64_t start, uint64_t end);
    [[nodiscard]] void *Enlarge(const AppRange &range, uint64_t new_length, int flags,
                                void *target);
    [[nodiscard]] std::expected<void, ShareFailure> CheckMovable(const Run &run);
    [[nodiscard]] PageMover &Mover();
    [[nodiscard]] bool HasUserfault();
    /// Once: why everything is copied. `what` this process may not do.
    void Complain(const char *what, const char *remedy);
    /// Whether some of the region is mapped where it was.
    [[nodiscard]] bool IsMapped(const PlacedRegion &placed);
    /// Takes out those that are mapped elsewhere, and notes where.
    void EraseMoved(std::vector<PlacedRegion> &gone);
    /// With move_mutex_ held: what is forgotten, and not mapped any more.
    void RemoveForgotten();
    void StartSweeping();
    void SweepWhileInUse();

    // Handlers of fork(). They must be registered before anybody else's, whose work in the child would otherwise
    // reach the parent's memory: allocate, for instance.
    [[gnu::constructor(101)]] static void RegisterForkHandlers();
    static void BeforeFork();
    static void InParent();
    static void InChild();
    [[nodiscard]] static bool ThisThreadStandsOn(const MappedArea &area);
    [[nodiscard]] static bool IsElsewhere(const MappedArea &area, const PlacedRegion &placed);
    void MakePrivate();
    static void CopyOnAnotherStack();
    void CopyPrivately();

    AddressSpace space_;
    RegionTable table_;
    static inline constinit std::atomic<AppMemory *> instance_ = nullptr;
    static inline constinit std::atomic<bool> is_in_use_ = false;
    static thread_local AppMemory *forking_;  // while this thread forks
    std::atomic<bool> moves_are_forbidden_ = false;

    /// One move at a time.
    std::mutex move_mutex_;
    /// Odd while a fork takes pages back; changed with move_mutex_ held.
    std::atomic<uint64_t> fork_phase_ = 0;
    PageMover *mover_ = nullptr;   // guarded by move_mutex_; never destroyed, as this object is not
    bool has_complained_ = false;  // guarded by move_mutex_
    /// Files that have grown, as they were; until the next sweep. Guarded by move_mutex_.
    std::vector<PlacedRegion> outgrown_;

    std::mutex listeners_mutex_;
    std::vector<Listener *> listeners_;  // guarded by listeners_mutex_

    std::mutex sweep_mutex_;
    bool is_sweeping_ = false;  // guarded by sweep_mutex_
    std::array<int, 2> fork_pipe_ = {-1, -1};
};

}  // namespace opendext::channel
