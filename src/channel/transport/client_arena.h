// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "base/shared_region.h"
#include "channel/memory/paired_copier.h"
#include "channel/transport/lending_peer.h"
#include "channel/transport/store_choice.h"

namespace opendext::channel {

/// Who copies as many bytes as PairedCopier helps with.
enum class Crew : uint8_t { kPair, kOne };
using CrewChoice = LearntChoice<Crew, Crew::kPair, Crew::kOne>;

/// The copies of a chunk's bytes that are alike.
enum class Leg : uint8_t {
    kInput,
    kOutputThere,
    kOutputBack,
};

/// Shareable memory that an application's bytes are copied through, recycled with its pages warm. One per
/// connection, so that a driver sees only what was passed to it. Idle memory is bounded, and given back when
/// it has been idle for kMaxIdleTime. Any thread.
class ClientArena {
public:
    /// Below it the cost of a chunk is that of its descriptor, not of its pages.
    static constexpr uint64_t kSmallestChunk = uint64_t{64} << 10;
    /// Chunks of more bytes go when they were used: their pages cost more to keep than to make.
    static constexpr uint64_t kLargestKept = uint64_t{64} << 20;
    /// Two calls at a time, each with a chunk of kLargestKept in both directions.
    static constexpr uint64_t kMaxIdleBytes = 4 * (kLargestKept + (uint64_t{1} << 20));
    /// Each costs a descriptor in both processes.
    static constexpr size_t kMaxIdleChunks = 128;
    static constexpr std::chrono::seconds kMaxIdleTime{5};

    /// One region. Exactly one loan uses it at a time.
    struct Chunk {
        uint64_t region_id = 0;  ///< Its name at the peer; 0 without a peer.
        std::shared_ptr<SharedRegion> region;
        std::array<StoreChoice, 2> stores;  ///< By Passage.
        std::array<CrewChoice, 3> crews;    ///< By Leg.
    };

    /// `peer` outlives the arena; NULL when there is no other process.
    explicit ClientArena(LendingPeer *peer) : peer_(peer) {}

    /// A chunk that has room for `num_bytes` from any offset in its first page on. It holds whatever the last
    /// user left. Without a region when there is no memory or the peer refused it.
    [[nodiscard]] Chunk Acquire(uint64_t num_bytes);

    /// Takes a chunk back for reuse.
    void Release(Chunk chunk);

    /// Forgets a chunk that the driver still holds: its memory is the driver's from now on.
    void Abandon(const Chunk &chunk);

    /// Drops what has been idle for too long.
    void TrimIdle();

    /// Drops all idle chunks.
    void TrimAll();

    [[nodiscard]] uint64_t num_idle_bytes();

    [[nodiscard]] PairedCopier &copier() { return copier_; }

private:
    using Clock = std::chrono::steady_clock;
    struct Idle {
        Chunk chunk;
        Clock::time_point since;
    };

    [[nodiscard]] std::vector<Chunk> TakeExpiredLocked(Clock::time_point now);
    void Drop(const std::vector<Chunk> &chunks);

    LendingPeer *const peer_;
    PairedCopier copier_;
    std::mutex mutex_;
    std::vector<Idle> idle_;       // guarded by mutex_; last used last
    uint64_t num_idle_bytes_ = 0;  // guarded by mutex_
    bool is_trim_due_ = false;     // guarded by mutex_
};

/// A chunk while it carries bytes of the application: goes back when this is destroyed. One thread.
class ChunkLoan {
public:
    explicit ChunkLoan(ClientArena &arena) : arena_(arena) {}
    ~ChunkLoan() { Return(); }
    ChunkLoan(const ChunkLoan &) = delete;
    ChunkLoan &operator=(const ChunkLoan &) = delete;

    /// @return whether there is a chunk with room for `num_bytes`, mapped here.
    [[nodiscard]] bool Take(uint64_t num_bytes, Passage passage = Passage::kThere);

    /// The driver keeps it.
    void Abandon() { arena_.Abandon(std::exchange(chunk_, {})); }

    /// Back to the arena, before this is destroyed.
    void Return();

    /// Gives the chunk away: the caller sees to its region's name at the peer.
    [[nodiscard]] ClientArena::Chunk Detach() { return std::exchange(chunk_, {}); }

    [[nodiscard]] const ClientArena::Chunk &chunk() const { return chunk_; }
    /// Valid after Take.
    [[nodiscard]] std::byte *bytes() const { return chunk_.region->Writable(); }

    /// Copies bytes of the application to `offset`, where there is room. @return the bytes copied: fewer where they are
    /// not readable.
    [[nodiscard]] uint64_t Fill(uint64_t offset, const void *from, uint64_t num_bytes);

    /// The same, once for each Take, with a call of `announce` shortly before the end.
    [[nodiscard]] uint64_t FillAndAnnounce(uint64_t offset, const std::byte *from,
                                           uint64_t num_bytes,
                                           const std::function<void()> &announce);

    /// Copies what is at `offset` to the application. @return as Fill; parts of what follows may have been written, too.
    [[nodiscard]] uint64_t CopyBack(uint64_t offset, void *to, uint64_t num_bytes);

private:
    [[nodiscard]] StoreChoice &Choice() { return chunk_.stores[static_cast<size_t>(passage_)]; }
    /// By `alone`; as many bytes as PairedCopier helps with by it, if that has been learnt to be quicker.
    template <typename Alone>
    [[nodiscard]] uint64_t CopyByCrew(Leg leg, void *to, const void *from, uint64_t num_bytes,
                                      const std::function<void()> &announce, Alone alone);
    [[nodiscard]] uint64_t FillAlone(uint64_t offset, const std::byte *from, uint64_t num_bytes,
                                     const std::function<void()> &announce);
    [[nodiscard]] uint64_t Copy(void *to, const void *from, uint64_t num_bytes);

    ClientArena &arena_;
    ClientArena::Chunk chunk_;
    Passage passage_ = Passage::kThere;
    Stores stores_ = Stores::kCached;
    bool is_timed_ = false;
    uint64_t num_filled_ = 0;
    std::chrono::nanoseconds copying_{};  // while it is timed
};

}  // namespace opendext::channel
