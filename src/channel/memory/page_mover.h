// SPDX-License-Identifier: Apache-2.0
/// @file page_mover.h
/// Moves pages of this process, in place, into shared memory, while other threads use them.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

#include "base/unique_fd.h"
#include "channel/memory/address_space.h"

namespace opendext::channel {

/// Whole pages of one mapping, and where in a file they go.
struct PageMove {
    MappedArea
        area;  ///< The pages; they move only if they are still this. The new mapping allows the same.
    int fd = -1;          ///< -1 with is_back: nobody has the file any more.
    uint64_t offset = 0;  ///< Of area.start in `fd`.
    /// The other way: the pages are mappings of the file, and become private memory.
    bool is_back = false;
    /// Writers are held up by WriteGate, as this process may not use userfaultfd.
    bool lacks_userfault = false;
    /// Bytes that the file has already and that are not to be taken from the pages: [kept_start, kept_end) of
    /// the address range. Empty for an ordinary move.
    uint64_t kept_start = 0;
    uint64_t kept_end = 0;

    [[nodiscard]] uint64_t length() const { return area.end - area.start; }
    /// Also for private pages of a file, which userfaultfd does not take.
    [[nodiscard]] bool needs_gate() const {
        return lacks_userfault || (!area.is_shared && area.file.inode != 0);
    }
    [[nodiscard]] uint64_t OffsetOf(uint64_t address) const {
        return offset + (address - area.start);
    }
};

/// Moves a range piece by piece: write-protects the piece (userfaultfd), copies it into the file, and maps the file
/// in its place. A thread that writes to the piece meanwhile sleeps in the kernel and then writes to the new
/// pages; readers notice nothing.
///
/// Where the system allows only the user-mode kind of userfaultfd, and for private pages of a file, a *system call* of
/// another thread that writes to the piece at that instant (read(2) into it) fails with EFAULT.
///
/// What another thread unmaps or maps anew meanwhile is left alone: each piece is looked at again right before it is
/// mapped over. (The kernel cannot do both at once: a mapping that comes in the microsecond between is lost.)
///
/// The work is done on a thread of its own, which between protecting and mapping touches nothing but its own
/// stack: whatever lock or memory it needed could be behind the protection. One move at a time; the caller sees
/// to that.
class PageMover {
public:
    /// `space` of this process; outlives the mover.
    explicit PageMover(AddressSpace &space);
    ~PageMover();
    PageMover(const PageMover &) = delete;
    PageMover &operator=(const PageMover &) = delete;

    /// Whether this process may use userfaultfd. Without it only moves with `lacks_userfault` work. Tried again where only
    /// descriptors were lacking; between moves.
    [[nodiscard]] bool IsAllowed();
    [[nodiscard]] bool lacks_descriptors() const { return lacks_descriptors_; }

    /// Whether the range holds what the mover itself stands on.
    [[nodiscard]] bool StandsOn(uint64_t address, uint64_t length) const;

    /// For tests: called on the mover's thread before each piece is mapped over, while its writers are held up.
    using Hook = void (*)(uint64_t start, uint64_t end);
    void CallBeforeMappingForTest(Hook hook) { before_mapping_.store(hook); }

    /// @return 0 or errno: EFAULT where the pages are not what they were or cannot be read, ENOMEM. What was moved
    /// until then stays moved.
    [[nodiscard]] int Move(const PageMove &move);

private:
    void OpenUserfault();
    void Start();
    void Run();
    [[nodiscard]] int MovePieces(const PageMove &move) const;

    AddressSpace &space_;
    std::atomic<Hook> before_mapping_ = nullptr;
    UniqueFd userfault_;
    bool protects_unpopulated_ = false;
    bool lacks_descriptors_ = false;
    uint64_t stack_start_ = 0;  // set before the constructor returns
    uint64_t stack_end_ = 0;

    std::mutex mutex_;
    std::condition_variable changed_;
    const PageMove *wanted_ = nullptr;  // guarded by mutex_
    int result_ = 0;                    // guarded by mutex_
    bool is_done_ = false;              // guarded by mutex_
    bool is_ending_ = false;            // guarded by mutex_
    std::thread thread_;
};

}  // namespace opendext::channel
