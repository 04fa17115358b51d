// SPDX-License-Identifier: Apache-2.0
/// @file event_link.h
/// Two ends that wake each other, in one process or in two: what an os_eventlink and an IOEventLink are here.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "base/shared_region.h"

namespace opendext {

/// What an application gives to its user client by a name that the driver chose.
enum class LinkKind : uint32_t {
    kEventLink,  ///< For an IOEventLink.
    kWorkGroup,  ///< For an IOWorkGroup: only whether it is cancelled counts.
};

/// kIOEventLinkMaxNameLength, kIOWorkGroupMaxNameLength; the end included.
inline constexpr size_t kMaxLinkName = 64;

/// One end of a link. Signals of the other end are counted until this end waits for them. Thread-safe; a signal goes
/// to one of the threads that wait. The other end may be in another process, of which nothing is believed: whatever it
/// writes can only be a wrong count or a cancelled link, and never makes Cancel fail to end a wait here.
class EventLink {
public:
    enum class Side : uint32_t { kFirst, kSecond };
    enum class Outcome { kSignalled, kTimedOut, kCancelled };
    using Deadline = std::optional<std::chrono::steady_clock::time_point>;

    /// What both ends map.
    static constexpr uint64_t kNumBytes = 128;

    /// The first end of a new link. @return errno: ENOMEM, EMFILE.
    [[nodiscard]] static std::expected<std::shared_ptr<EventLink>, int> Create();

    /// An end of the link in `region`, which another end gave. Each end is to be attached once: two objects of the
    /// same end would each count all of its signals. @return errno: EINVAL for a region that is too small, ENOMEM.
    [[nodiscard]] static std::expected<std::shared_ptr<EventLink>, int> Attach(
        std::shared_ptr<SharedRegion> region, Side side);

    ~EventLink();
    EventLink(const EventLink &) = delete;
    EventLink &operator=(const EventLink &) = delete;

    /// Counts one more at the other end and wakes a thread that waits there. @return false when the link is cancelled.
    bool Signal();

    /// Waits until the other end has signalled since the last Wait, `deadline` has passed (none: for ever) or the link
    /// is cancelled. `num_signals`: how many signals these were, 0 unless kSignalled.
    Outcome Wait(Deadline deadline, uint64_t &num_signals);

    /// As Wait, until mach_absolute_time, which tests may drive, is `deadline`.
    Outcome WaitUntilUptime(uint64_t deadline, uint64_t &num_signals);

    /// For both ends and for good; whoever waits returns.
    void Cancel();

    [[nodiscard]] bool is_cancelled() const;

    [[nodiscard]] const std::shared_ptr<SharedRegion> &region() const { return region_; }
    [[nodiscard]] Side side() const { return side_; }

private:
    struct Words;

    EventLink(std::shared_ptr<SharedRegion> region, Side side, Words *words);
    [[nodiscard]] std::atomic<uint32_t> &WordOf(Side side) const;
    [[nodiscard]] uint32_t TakeSignals(uint32_t word);

    const std::shared_ptr<SharedRegion> region_;
    const Side side_;
    Words *const words_;
    std::atomic<uint32_t> num_taken_ =
        0;  ///< Signals that waits of this end have returned, modulo 2^31.
    std::atomic<bool> is_cancelled_ = false;
};

/// Which thread may wait for an end: one at a time, that has been said to, or the first that tries. Thread-safe.
class LinkWaiter {
public:
    /// @return false when one is associated.
    [[nodiscard]] bool AssociateThisThread();
    [[nodiscard]] bool AssociateOnWait();
    /// @return false when none is associated.
    [[nodiscard]] bool Disassociate();

    /// Whether the calling thread may.
    [[nodiscard]] bool MayWait();

private:
    enum class State { kNone, kOnWait, kThread };

    std::mutex mutex_;
    State state_ = State::kNone;  // guarded by mutex_
    std::thread::id thread_;      // guarded by mutex_
};

}  // namespace opendext
