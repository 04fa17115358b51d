// SPDX-License-Identifier: Apache-2.0
#include "channel/transport/client_arena.h"

#include <algorithm>
#include <bit>

#include "base/mapping.h"

namespace opendext::channel {

namespace {

constexpr uint64_t kLargestChunk = uint64_t{1} << 40;

/// A power of two, and a page for the offset of the first byte.
uint64_t ChunkBytesFor(uint64_t num_bytes) {
    return std::bit_ceil(std::max(num_bytes, ClientArena::kSmallestChunk)) + PageSize();
}

}  // namespace

ClientArena::Chunk ClientArena::Acquire(uint64_t num_bytes) {
    if (num_bytes > kLargestChunk) {
        return {};
    }
    const uint64_t num_chunk_bytes = ChunkBytesFor(num_bytes);
    {
        const std::lock_guard lock(mutex_);
        // The warmest one.
        const auto found = std::find_if(idle_.rbegin(), idle_.rend(), [&](const Idle &idle) {
            return idle.chunk.region->num_bytes() == num_chunk_bytes;
        });
        if (found != idle_.rend()) {
            Chunk chunk = std::move(found->chunk);
            idle_.erase(std::next(found).base());
            num_idle_bytes_ -= num_chunk_bytes;
            return chunk;
        }
    }
    auto made = SharedRegion::Create(num_chunk_bytes, "opendext-structure");
    if (!made) {
        return {};
    }
    Chunk chunk{.region_id = 0, .region = std::move(*made), .stores = {}};
    if (peer_ != nullptr) {
        chunk.region_id = peer_->RegisterRegion(*chunk.region);
        if (chunk.region_id == 0) {
            return {};
        }
    }
    return chunk;
}

void ClientArena::Release(Chunk chunk) {
    if (chunk.region == nullptr) {
        return;
    }
    const uint64_t num_bytes = chunk.region->num_bytes();
    if (num_bytes > kLargestKept + PageSize()) {
        Abandon(chunk);
        return;
    }
    std::vector<Chunk> expired;
    bool needs_trim = false;
    {
        const std::lock_guard lock(mutex_);
        const auto now = Clock::now();
        num_idle_bytes_ += num_bytes;
        idle_.push_back({std::move(chunk), now});
        expired = TakeExpiredLocked(now);
        needs_trim = !std::exchange(is_trim_due_, true);
    }
    Drop(expired);
    if (needs_trim && peer_ != nullptr) {
        peer_->TrimAfter(kMaxIdleTime);
    }
}

void ClientArena::Abandon(const Chunk &chunk) {
    if (chunk.region != nullptr && peer_ != nullptr) {
        peer_->DropRegion(chunk.region_id);
    }
}

void ClientArena::TrimIdle() {
    std::vector<Chunk> expired;
    bool needs_trim = false;
    {
        const std::lock_guard lock(mutex_);
        expired = TakeExpiredLocked(Clock::now());
        needs_trim = is_trim_due_ = !idle_.empty();
    }
    Drop(expired);
    if (needs_trim && peer_ != nullptr) {
        peer_->TrimAfter(kMaxIdleTime);
    }
}

void ClientArena::TrimAll() {
    std::vector<Chunk> dropped;
    {
        const std::lock_guard lock(mutex_);
        for (Idle &idle : idle_) {
            dropped.push_back(std::move(idle.chunk));
        }
        idle_.clear();
        num_idle_bytes_ = 0;
    }
    Drop(dropped);
}

uint64_t ClientArena::num_idle_bytes() {
    const std::lock_guard lock(mutex_);
    return num_idle_bytes_;
}

std::vector<ClientArena::Chunk> ClientArena::TakeExpiredLocked(Clock::time_point now) {
    std::vector<Chunk> expired;
    const auto is_to_go = [&](const Idle &idle) {
        return num_idle_bytes_ > kMaxIdleBytes || idle_.size() - expired.size() > kMaxIdleChunks ||
               now - idle.since >= kMaxIdleTime;
    };
    auto next = idle_.begin();
    for (; next != idle_.end() && is_to_go(*next); ++next) {
        num_idle_bytes_ -= next->chunk.region->num_bytes();
        expired.push_back(std::move(next->chunk));
    }
    idle_.erase(idle_.begin(), next);
    return expired;
}

void ClientArena::Drop(const std::vector<Chunk> &chunks) {
    for (const Chunk &chunk : chunks) {
        Abandon(chunk);
    }
}

bool ChunkLoan::Take(uint64_t num_bytes, Passage passage) {
    chunk_ = arena_.Acquire(num_bytes);
    if (chunk_.region != nullptr && chunk_.region->Writable() == nullptr) {
        Abandon();
    }
    passage_ = passage;
    is_timed_ = StoreChoice::IsTimed(num_bytes) && chunk_.region != nullptr;
    stores_ = is_timed_ ? Choice().Next() : StoreChoice::Untimed(num_bytes, passage);
    return chunk_.region != nullptr;
}

uint64_t ChunkLoan::Fill(uint64_t offset, const void *from, uint64_t num_bytes) {
    const uint64_t num_copied = Copy(bytes() + offset, from, num_bytes);
    num_filled_ += num_copied;
    return num_copied;
}

uint64_t ChunkLoan::FillAndAnnounce(uint64_t offset, const std::byte *from, uint64_t num_bytes,
                                    const std::function<void()> &announce) {
    const Leg leg = passage_ == Passage::kThere ? Leg::kInput : Leg::kOutputThere;
    return CopyByCrew(leg, bytes() + offset, from, num_bytes, announce,
                      [&] { return FillAlone(offset, from, num_bytes, announce); });
}

template <typename Alone>
uint64_t ChunkLoan::CopyByCrew(Leg leg, void *to, const void *from, uint64_t num_bytes,
                               const std::function<void()> &announce, Alone alone) {
    using Clock = std::chrono::steady_clock;
    if (num_bytes < PairedCopier::kFewestBytes) {
        return alone();
    }
    CrewChoice &choice = chunk_.crews[static_cast<size_t>(leg)];
    const Crew crew = choice.Next();
    const Clock::time_point start = Clock::now();
    const uint64_t num_copied =
        crew == Crew::kOne ? alone() : arena_.copier().Copy(to, from, num_bytes, stores_, announce);
    if (num_copied == num_bytes) {
        choice.Took(num_bytes, Clock::now() - start);
    }
    return num_copied;
}

uint64_t ChunkLoan::FillAlone(uint64_t offset, const std::byte *from, uint64_t num_bytes,
                              const std::function<void()> &announce) {
    // As long as it takes to copy it, so long does a driver process take to wake up.
    constexpr uint64_t kLastBytes = uint64_t{1} << 20;
    const uint64_t num_first = num_bytes - std::min(num_bytes, kLastBytes);
    if (num_first != 0) {
        if (const uint64_t num_copied = Fill(offset, from, num_first); num_copied != num_first) {
            return num_copied;
        }
    }
    announce();
    return num_first + Fill(offset + num_first, from + num_first, num_bytes - num_first);
}

uint64_t ChunkLoan::CopyBack(uint64_t offset, void *to, uint64_t num_bytes) {
    const std::byte *const from = bytes() + offset;
    const uint64_t num_copied = CopyByCrew(
        Leg::kOutputBack, to, from, num_bytes, [] {}, [&] { return Copy(to, from, num_bytes); });
    is_timed_ = is_timed_ && num_copied == num_bytes;
    return num_copied;
}

uint64_t ChunkLoan::Copy(void *to, const void *from, uint64_t num_bytes) {
    using Clock = std::chrono::steady_clock;
    if (!is_timed_) {
        return CopyBytes(to, from, num_bytes, stores_);
    }
    const Clock::time_point start = Clock::now();
    const uint64_t num_copied = CopyBytes(to, from, num_bytes, stores_);
    copying_ += Clock::now() - start;
    return num_copied;
}

void ChunkLoan::Return() {
    if (is_timed_ && chunk_.region != nullptr && StoreChoice::IsTimed(num_filled_)) {
        Choice().Took(num_filled_, copying_);
    }
    is_timed_ = false;
    arena_.Release(std::exchange(chunk_, {}));
}

}  // namespace opendext::channel
