// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <type_traits>

#include "base/copy_out.h"

namespace opendext::backends::remote {

/// The ends of a ring of entries in shared memory (session_wire.h). An entry begins with its sequence number, in a word
/// that is written last. Nothing but the entries is shared: what the other side writes can make a reader take nonsense,
/// which it checks, and never lead it out of the ring.
template <typename Entry>
inline constexpr bool kIsRingEntry =
    std::is_trivially_copyable_v<Entry> && sizeof(Entry) % sizeof(uint64_t) == 0 &&
    offsetof(Entry, sequence) == 0;

/// One writer at a time.
template <typename Entry, size_t kSize>
class RingWriter {
    static_assert(kIsRingEntry<Entry> && std::has_single_bit(kSize));

public:
    explicit RingWriter(std::array<Entry, kSize> &cells) : cells_(cells) {}

    /// Writes the next entry over what is there: that it has been taken is the protocol's business. What is stored
    /// before and looked at after this, sequentially consistent, is so in the eyes of who reads the entry.
    void Push(Entry entry) {
        Entry &cell = cells_[next_ % kSize];
        entry.sequence = ++next_;
        std::array<uint64_t, sizeof(Entry) / sizeof(uint64_t)> words;
        std::memcpy(words.data(), &entry, sizeof(Entry));
        auto *const shared = reinterpret_cast<uint64_t *>(&cell);
        for (size_t i = words.size() - 1; i != 0; --i) {
            __atomic_store_n(&shared[i], words[i], __ATOMIC_RELAXED);
        }
        __atomic_store_n(shared, words[0], __ATOMIC_SEQ_CST);
    }

private:
    std::array<Entry, kSize> &cells_;
    uint32_t next_ = 0;
};

/// Take: one thread at a time. HasNext: any.
template <typename Entry, size_t kSize>
class RingReader {
    static_assert(kIsRingEntry<Entry> && std::has_single_bit(kSize));

public:
    explicit RingReader(const std::array<Entry, kSize> &cells) : cells_(cells) {}

    /// Whether an entry is there; sequentially consistent.
    [[nodiscard]] bool HasNext() const {
        const uint32_t next = next_.load(std::memory_order_relaxed);
        const auto *const shared = reinterpret_cast<const uint64_t *>(&cells_[next % kSize]);
        return SequenceOf(__atomic_load_n(shared, __ATOMIC_SEQ_CST)) == next + 1;
    }

    /// A copy that the other side cannot change.
    [[nodiscard]] std::optional<Entry> Take() {
        const uint32_t next = next_.load(std::memory_order_relaxed);
        const Entry &cell = cells_[next % kSize];
        const auto *const shared = reinterpret_cast<const uint64_t *>(&cell);
        if (SequenceOf(__atomic_load_n(shared, __ATOMIC_ACQUIRE)) != next + 1) {
            return std::nullopt;
        }
        next_.store(next + 1, std::memory_order_relaxed);
        return CopyOut(cell);
    }

private:
    static uint32_t SequenceOf(uint64_t first_word) {
        std::array<uint32_t, 2> halves;
        std::memcpy(halves.data(), &first_word, sizeof(first_word));
        return halves[0];
    }

    const std::array<Entry, kSize> &cells_;
    std::atomic<uint32_t> next_ = 0;
};

}  // namespace opendext::backends::remote
