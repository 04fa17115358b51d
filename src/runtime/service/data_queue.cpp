// SPDX-License-Identifier: Apache-2.0
#include "runtime/service/data_queue.h"

#include <atomic>

namespace opendext::service {
namespace {

constexpr size_t kHeadOffset = 0;
constexpr size_t kTailOffset = 4;
constexpr size_t kWaitsOffset = 8;

template <typename T>
std::atomic_ref<T> FieldAt(std::byte *bytes, size_t offset) {
    return std::atomic_ref<T>(*reinterpret_cast<T *>(bytes + offset));
}

uint64_t EntryBytes(uint32_t num_bytes) {
    return DataQueue::kEntryHeaderBytes + ((uint64_t{num_bytes} + 3) & ~uint64_t{3});
}

// Offsets are multiples of 4, and may be one past the end: the other side may have written others.
bool IsOffset(uint32_t offset, uint32_t ring_bytes) {
    return offset <= ring_bytes && offset % 4 == 0;
}

}  // namespace

std::expected<DataQueue::Entry, kern_return_t> DataQueue::EntryAt(uint32_t offset) const {
    if (uint64_t{offset} + kEntryHeaderBytes > RingBytes()) {
        return std::unexpected(kIOReturnError);
    }
    const uint32_t num_bytes =
        FieldAt<uint32_t>(ring_.data(), offset).load(std::memory_order_relaxed);
    const uint64_t next = offset + EntryBytes(num_bytes);
    if (next > RingBytes()) {
        return std::unexpected(kIOReturnError);
    }
    return Entry{.data = ring_.subspan(offset + kEntryHeaderBytes, num_bytes),
                 .next = static_cast<uint32_t>(next)};
}

std::expected<DataQueue::Entry, kern_return_t> DataQueue::Front() const {
    const uint32_t head = FieldAt<uint32_t>(header_, kHeadOffset).load(std::memory_order_relaxed);
    // Sequentially consistent, as the store in Push: either it is seen here, or Push sees that the queue is empty.
    const uint32_t tail = FieldAt<uint32_t>(header_, kTailOffset).load(std::memory_order_seq_cst);
    if (head == tail) {
        return std::unexpected(kIOReturnUnderrun);
    }
    if (!IsOffset(head, RingBytes())) {
        return std::unexpected(kIOReturnError);
    }
    // An entry that does not fit in front of the end lies at the beginning.
    if (const auto entry = EntryAt(head)) {
        return entry;
    }
    return EntryAt(0);
}

void DataQueue::Pop(const Entry &front) {
    FieldAt<uint32_t>(header_, kHeadOffset).store(front.next, std::memory_order_seq_cst);
}

std::expected<DataQueue::Entry, kern_return_t> DataQueue::FindRoom(uint32_t num_bytes) const {
    const uint32_t tail = FieldAt<uint32_t>(header_, kTailOffset).load(std::memory_order_relaxed);
    const uint32_t head = FieldAt<uint32_t>(header_, kHeadOffset).load(std::memory_order_acquire);
    if (!IsOffset(tail, RingBytes()) || !IsOffset(head, RingBytes())) {
        return std::unexpected(kIOReturnError);
    }
    const uint64_t entry_bytes = EntryBytes(num_bytes);
    uint32_t offset = tail;
    if (tail >= head && tail + entry_bytes <= RingBytes()) {
        // In front of the end.
    } else if (tail >= head && entry_bytes < head) {
        offset = 0;
        if (RingBytes() - tail >= kEntryHeaderBytes) {
            // A size that does not fit sends the consumer to the beginning.
            FieldAt<uint32_t>(ring_.data(), tail).store(num_bytes, std::memory_order_relaxed);
        }
    } else if (tail >= head || tail + entry_bytes >= head) {
        // The tail never reaches the head from behind: that would be an empty queue.
        return std::unexpected(kIOReturnOverrun);
    }
    FieldAt<uint32_t>(ring_.data(), offset).store(num_bytes, std::memory_order_relaxed);
    return Entry{.data = ring_.subspan(offset + kEntryHeaderBytes, num_bytes),
                 .next = static_cast<uint32_t>(offset + entry_bytes)};
}

bool DataQueue::Push(const Entry &room) {
    const uint32_t tail = FieldAt<uint32_t>(header_, kTailOffset).load(std::memory_order_relaxed);
    FieldAt<uint32_t>(header_, kTailOffset).store(room.next, std::memory_order_seq_cst);
    // Looked at after the store: a consumer that had emptied the queue by then has not seen this entry.
    return FieldAt<uint32_t>(header_, kHeadOffset).load(std::memory_order_seq_cst) == tail;
}

kern_return_t DataQueue::CheckRoom(uint32_t num_bytes, uint32_t count) const {
    const uint32_t tail = FieldAt<uint32_t>(header_, kTailOffset).load(std::memory_order_relaxed);
    const uint32_t head = FieldAt<uint32_t>(header_, kHeadOffset).load(std::memory_order_acquire);
    if (!IsOffset(tail, RingBytes()) || !IsOffset(head, RingBytes())) {
        return kIOReturnError;
    }
    const uint64_t entry_bytes = EntryBytes(num_bytes);
    uint64_t num_entries = 0;
    if (tail >= head) {
        num_entries = (RingBytes() - tail) / entry_bytes;
        num_entries += head != 0 ? (head - 1) / entry_bytes : 0;
    } else {
        num_entries = (head - tail - 1) / entry_bytes;
    }
    return num_entries >= count ? kIOReturnSuccess : kIOReturnOverrun;
}

bool DataQueue::IsEmpty() const {
    return FieldAt<uint32_t>(header_, kHeadOffset).load(std::memory_order_seq_cst) ==
           FieldAt<uint32_t>(header_, kTailOffset).load(std::memory_order_seq_cst);
}

void DataQueue::SetProducerWaits(bool waits) {
    FieldAt<uint8_t>(header_, kWaitsOffset).store(waits ? 1 : 0, std::memory_order_seq_cst);
}

bool DataQueue::ProducerWaits() const {
    return FieldAt<uint8_t>(header_, kWaitsOffset).load(std::memory_order_seq_cst) != 0;
}

}  // namespace opendext::service
