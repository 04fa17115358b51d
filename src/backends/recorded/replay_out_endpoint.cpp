// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "backends/api/usb_urb.h"
#include "backends/recorded/replay_endpoints.h"

namespace opendext::backends {

namespace {

/// Byte `offset` of what the driver sends.
std::byte ByteAt(const UsbModelRequest &request, uint64_t offset) {
    for (const std::span<std::byte> piece : request.pieces) {
        if (offset < piece.size()) {
            return piece[offset];
        }
        offset -= piece.size();
    }
    return {};
}

/// The first of `expected` that is not at `offset` of what the driver sends; its size: all are.
size_t FindDifference(const UsbModelRequest &request, uint64_t offset,
                      std::span<const std::byte> expected) {
    size_t num_same = 0;
    for (const std::span<std::byte> piece : request.pieces) {
        if (offset >= piece.size()) {
            offset -= piece.size();
            continue;
        }
        const auto rest = expected.subspan(num_same);
        const auto part = piece.subspan(offset, std::min(rest.size(), piece.size() - offset));
        const auto found = std::ranges::mismatch(part, rest);
        num_same += static_cast<size_t>(found.in1 - part.begin());
        if (found.in1 != part.end() || num_same == expected.size()) {
            break;
        }
        offset = 0;
    }
    return num_same;
}

}  // namespace

ReplayOutEndpoint::ReplayOutEndpoint(ReplayStage &stage, UsbEndpointAddress address,
                                     uint16_t max_packet_bytes)
    : stage_(stage),
      address_(address),
      max_packet_bytes_(std::max<uint16_t>(max_packet_bytes, 1)) {}

void ReplayOutEndpoint::Add(const CapturedTransfer &transfer) {
    const UsbStatus status = UsbStatusFromUrb(transfer.status);
    const bool was_given_up =
        !transfer.has_ended() || status == UsbStatus::kAborted || status == UsbStatus::kRemoved;
    items_.push_back(
        {.packet = transfer.submission,
         .data = transfer.data,
         .num_bytes = std::max<uint64_t>(transfer.num_requested.value_or(0), transfer.data.size()),
         .num_done = transfer.num_done,
         .status = was_given_up ? UsbStatus::kSuccess : status,
         .never_ends = was_given_up,
         .event = stage_.timeline().Add(transfer.submission)});
}

void ReplayOutEndpoint::OnRequest(const UsbModelRequest &request) {
    Place place = place_;
    const Verdict verdict = Compare(request, place);
    if (verdict.departs) {
        stage_.port().Complete(request.id, UsbStatus::kStalled, 0);
        return;
    }
    for (size_t i = place_.item; i < place.item; ++i) {
        stage_.timeline().Happen(items_[i].event);
    }
    place_ = place;
    if (!verdict.never_ends) {
        stage_.port().Complete(request.id, verdict.status, verdict.num_bytes);
    }
}

ReplayOutEndpoint::Verdict ReplayOutEndpoint::Depart(std::string what) {
    stage_.Depart(std::move(what));
    return {.departs = true};
}

// Moves `place` behind what the request sends.
ReplayOutEndpoint::Verdict ReplayOutEndpoint::Compare(const UsbModelRequest &request,
                                                      Place &place) {
    const bool is_whole_packets =
        request.num_bytes != 0 && request.num_bytes % max_packet_bytes_ == 0;
    uint64_t offset = 0;
    for (;;) {
        if (place.item == items_.size()) {
            return Depart(fmt::format(
                "the driver sends {} bytes to endpoint 0x{:02x}; the recording has no more of it",
                request.num_bytes, address_.value));
        }
        const Item &item = items_[place.item];
        const uint64_t length =
            std::min(item.num_bytes - place.position, request.num_bytes - offset);
        if (!Matches(request, offset, place, length)) {
            return {.departs = true};
        }
        offset += length;
        place.position += length;
        if (place.position < item.num_bytes) {
            return is_whole_packets
                       ? Verdict{.num_bytes = offset}
                       : Depart(fmt::format(
                             "the driver sends {} bytes to endpoint 0x{:02x}, and packet {} has {}",
                             request.num_bytes, address_.value, item.packet, item.num_bytes));
        }
        place = {.item = place.item + 1};
        if (offset == request.num_bytes || item.status != UsbStatus::kSuccess || item.never_ends) {
            const uint64_t num_undone =
                item.status != UsbStatus::kSuccess
                    ? item.num_bytes - std::min(item.num_done, item.num_bytes)
                    : 0;
            return {.never_ends = item.never_ends,
                    .status = item.status,
                    .num_bytes = offset - std::min(num_undone, offset)};
        }
        if (item.num_bytes == 0 || item.num_bytes % max_packet_bytes_ != 0) {
            return Depart(fmt::format(
                "the driver sends {} bytes to endpoint 0x{:02x}; packet {} ends after {}",
                request.num_bytes, address_.value, item.packet, offset));
        }
    }
}

bool ReplayOutEndpoint::Matches(const UsbModelRequest &request, uint64_t offset, const Place &place,
                                uint64_t num_bytes) {
    const Item &item = items_[place.item];
    const uint64_t begin = std::min<uint64_t>(place.position, item.data.size());
    const auto expected =
        item.data.subspan(begin, std::min<uint64_t>(num_bytes, item.data.size() - begin));
    const size_t num_same = FindDifference(request, offset, expected);
    if (num_same == expected.size()) {
        return true;
    }
    stage_.Depart(fmt::format(
        "the driver sends 0x{:02x} to endpoint 0x{:02x} as byte {} of the data in packet {}, where "
        "0x{:02x} was recorded",
        std::to_integer<unsigned>(ByteAt(request, offset + num_same)), address_.value,
        begin + num_same, item.packet, std::to_integer<unsigned>(expected[num_same])));
    return false;
}

}  // namespace opendext::backends
