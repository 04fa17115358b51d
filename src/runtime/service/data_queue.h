// SPDX-License-Identifier: Apache-2.0
/// @file data_queue.h
/// The queue in the memory of an IODataQueueDispatchSource (semantics.md 4.5).
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>

#include <DriverKit/IOReturn.h>

namespace opendext::service {

/// Entries of any size in a ring: one producer, one consumer, no lock. The memory may be shared with a process that
/// writes what it likes there: no call touches a byte outside it, whatever is in it.
class DataQueue {
public:
    static constexpr uint32_t kHeaderBytes = 128;
    static constexpr uint32_t kEntryHeaderBytes = 4;

    DataQueue() = default;
    /// A queue over `memory`, which starts on a multiple of 4: the header, then a multiple of 4 bytes of ring.
    /// All zero is an empty queue.
    explicit DataQueue(std::span<std::byte> memory)
        : header_(memory.data()), ring_(memory.subspan(kHeaderBytes)) {}

    /// Where an entry is, or will be.
    struct Entry {
        std::span<std::byte> data;
        uint32_t next = 0;  ///< Offset behind it.
    };

    /// Consumer: the next entry. kIOReturnUnderrun: none; kIOReturnError: what is there is no queue.
    [[nodiscard]] std::expected<Entry, kern_return_t> Front() const;

    /// Consumer: takes off what Front has returned.
    void Pop(const Entry &front);

    /// Producer: room for an entry. kIOReturnOverrun: none now; kIOReturnError as Front.
    [[nodiscard]] std::expected<Entry, kern_return_t> FindRoom(uint32_t num_bytes) const;

    /// Producer: publishes the entry that FindRoom has made room for, and that is filled now.
    /// @return whether the consumer must be told: the queue was empty.
    [[nodiscard]] bool Push(const Entry &room);

    /// Producer: kIOReturnSuccess when `count` entries of that size would find room, one after another.
    [[nodiscard]] kern_return_t CheckRoom(uint32_t num_bytes, uint32_t count) const;

    [[nodiscard]] bool IsEmpty() const;

    /// The producer waits for room.
    void SetProducerWaits(bool waits);
    [[nodiscard]] bool ProducerWaits() const;

private:
    [[nodiscard]] std::expected<Entry, kern_return_t> EntryAt(uint32_t offset) const;
    [[nodiscard]] uint32_t RingBytes() const { return static_cast<uint32_t>(ring_.size()); }

    std::byte *header_ = nullptr;  // head, tail, whether the producer waits
    std::span<std::byte> ring_;
};

}  // namespace opendext::service
