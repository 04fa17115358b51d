// SPDX-License-Identifier: Apache-2.0
#include "host/client_memory_gate.h"

#include <utility>

namespace opendext::host {

void ClientMemoryGate::Attach(channel::ClientMemorySource *source) {
    const std::scoped_lock lock(mutex_);
    source_ = source;
}

void ClientMemoryGate::Close() {
    const std::scoped_lock lock(mutex_);
    source_ = nullptr;
}

void ClientMemoryGate::Detach() {
    std::unique_lock lock(mutex_);
    source_ = nullptr;
    last_left_.wait(lock, [this] { return num_running_ == 0; });
}

channel::ClientMemorySource *ClientMemoryGate::Enter() {
    const std::scoped_lock lock(mutex_);
    num_running_ += source_ != nullptr ? 1 : 0;
    return source_;
}

void ClientMemoryGate::Leave() {
    const std::scoped_lock lock(mutex_);
    if (--num_running_ == 0) {
        // Under the lock: Detach's caller may destroy the source, but not this object.
        last_left_.notify_all();
    }
}

std::expected<std::vector<memory::ClientSlice>, kern_return_t> ClientMemoryGate::Share(
    const memory::ClientRanges &ranges) {
    std::vector<channel::ClientSegment> segments;
    segments.reserve(ranges.segments.size());
    for (const IOAddressSegment &segment : ranges.segments) {
        segments.push_back({segment.address, segment.length});
    }
    channel::ClientMemorySource *source = Enter();
    if (source == nullptr) {
        return std::unexpected(channel::kMachSendInvalidDest);
    }
    auto pieces = source->ShareMemory(
        {.segments = segments, .driver_writes = ranges.is_written, .is_shared = ranges.is_shared});
    Leave();
    if (!pieces) {
        return std::unexpected(pieces.error());
    }
    std::vector<memory::ClientSlice> slices;
    slices.reserve(pieces->size());
    for (channel::ClientMemoryPiece &piece : *pieces) {
        slices.push_back({std::move(piece.slice), std::move(piece.lease)});
    }
    return slices;
}

}  // namespace opendext::host
