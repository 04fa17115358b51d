// SPDX-License-Identifier: Apache-2.0
#include "backends/emulated/usb_request_table.h"

#include <algorithm>

#include "backends/usb/usb_claims.h"

namespace opendext::backends {
namespace {

constexpr uint32_t SlotOf(UsbRequestId id) {
    return static_cast<uint32_t>(static_cast<uint64_t>(id) & 0xFFFFFFFF);
}

constexpr UsbRequestId MakeId(uint32_t generation, uint32_t slot) {
    return static_cast<UsbRequestId>(uint64_t{generation} << 32 | slot);
}

}  // namespace

UsbPendingRequest &UsbRequestTable::Add(const UsbTransfer &source, UsbTransfer *transfer,
                                        uint64_t offset, uint64_t num_bytes) {
    if (free_slots_.empty()) {
        free_slots_.push_back(static_cast<uint32_t>(slots_.size()));
        slots_.push_back(std::make_unique<UsbPendingRequest>());
    }
    const uint32_t slot = free_slots_.back();
    free_slots_.pop_back();
    UsbPendingRequest &request = *slots_[slot];
    ++request.generation;
    request.transfer = transfer;
    request.pieces.clear();
    uint64_t left = num_bytes;
    for (const HostSpan &piece : source.buffer) {
        if (offset >= piece.num_bytes) {
            offset -= piece.num_bytes;
            continue;
        }
        const uint64_t taken = std::min(left, piece.num_bytes - offset);
        if (taken == 0) {
            break;
        }
        request.pieces.emplace_back(piece.address + offset, taken);
        left -= taken;
        offset = 0;
    }
    request.seen = {.id = MakeId(request.generation, slot),
                    .endpoint = source.endpoint,
                    .type = source.type,
                    .stream = source.stream,
                    .pieces = request.pieces,
                    .num_bytes = num_bytes - left};
    endpoints_[IndexOf(source.endpoint)].PushBack(request);
    return request;
}

UsbPendingRequest *UsbRequestTable::Find(UsbRequestId id) const {
    const uint32_t slot = SlotOf(id);
    if (id == UsbRequestId::kNone || slot >= slots_.size() || slots_[slot]->seen.id != id) {
        return nullptr;
    }
    return slots_[slot].get();
}

UsbPendingRequest *UsbRequestTable::Find(const UsbTransfer &transfer) const {
    // From the back: whoever ends many begins with the latest.
    UsbPendingRequest *request = endpoints_[IndexOf(transfer.endpoint)].back();
    while (request != nullptr && request->transfer != &transfer) {
        request = List::Previous(*request);
    }
    return request;
}

void UsbRequestTable::Remove(UsbPendingRequest &request) {
    endpoints_[IndexOf(request.seen.endpoint)].Remove(request);
    free_slots_.push_back(SlotOf(request.seen.id));
    request.seen.id = UsbRequestId::kNone;
    request.transfer = nullptr;
}

}  // namespace opendext::backends
