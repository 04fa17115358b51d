// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "backends/api/usb_urb.h"
#include "backends/recorded/replay_endpoints.h"
#include "base/log.h"

namespace opendext::backends {

namespace {

void CopyTo(const UsbModelRequest &request, uint64_t offset, std::span<const std::byte> bytes) {
    for (const std::span<std::byte> piece : request.pieces) {
        if (bytes.empty()) {
            return;
        }
        if (offset >= piece.size()) {
            offset -= piece.size();
            continue;
        }
        const size_t length = std::min(bytes.size(), piece.size() - offset);
        std::memcpy(piece.data() + offset, bytes.data(), length);
        bytes = bytes.subspan(length);
        offset = 0;
    }
}

}  // namespace

ReplayInEndpoint::ReplayInEndpoint(ReplayStage &stage, UsbEndpointAddress address,
                                   uint16_t max_packet_bytes)
    : stage_(stage),
      address_(address),
      max_packet_bytes_(std::max<uint16_t>(max_packet_bytes, 1)) {}

void ReplayInEndpoint::Add(const CapturedTransfer &transfer) {
    if (!transfer.has_ended()) {
        return;
    }
    Item item{.packet = transfer.completion,
              .data = transfer.data,
              .status = UsbStatusFromUrb(transfer.status),
              .is_cut = transfer.is_cut,
              .num_events_before = stage_.timeline().NumBefore(transfer.completion)};
    if (item.status == UsbStatus::kAborted || item.status == UsbStatus::kRemoved) {
        if (item.data.empty()) {
            return;
        }
        item.status = UsbStatus::kSuccess;  // the packets that had come before the host gave up
    } else {
        const bool is_short =
            !transfer.num_requested || transfer.num_done < *transfer.num_requested;
        item.ends_request =
            is_short || item.data.size() % max_packet_bytes_ != 0 || item.data.empty();
    }
    items_.push_back(item);
}

void ReplayInEndpoint::OnRequest(const UsbModelRequest &request) {
    waiting_.push_back({.request = request});
    Pump();
}

void ReplayInEndpoint::OnCancelled(UsbRequestId request) {
    std::erase_if(waiting_, [request](const Waiting &each) { return each.request.id == request; });
}

void ReplayInEndpoint::Pump() {
    while (!waiting_.empty() && GiveNext()) {}
}

// @return false when the request has to wait.
bool ReplayInEndpoint::GiveNext() {
    if (IsOver()) {
        if (!has_told_end_) {
            LogInfo("replay: the recording has no more data of endpoint 0x{:02x}: the driver waits",
                    address_.value);
            has_told_end_ = true;
        }
        return false;
    }
    const Item &item = items_[next_];
    if (!stage_.timeline().HasReached(item.num_events_before)) {
        LogDebug(
            "replay: endpoint 0x{:02x} waits: packet {} came after something the driver has not "
            "sent yet",
            address_.value, item.packet);
        return false;
    }
    Waiting &first = waiting_.front();
    const auto rest = item.data.subspan(position_);
    const uint64_t room = first.request.num_bytes - first.num_filled;
    if (item.is_cut || (rest.size() > room && room % max_packet_bytes_ != 0)) {
        stage_.Depart(
            item.is_cut
                ? fmt::format("the data in packet {} was captured only in part", item.packet)
                : fmt::format("the driver asks endpoint 0x{:02x} for {} bytes; packet {} "
                              "has {} that do not fit",
                              address_.value, first.request.num_bytes, item.packet, rest.size()));
        next_ += item.is_cut ? 1 : 0;
        position_ = item.is_cut ? 0 : position_;
        Complete(UsbStatus::kStalled);
        return true;
    }
    const size_t length = std::min<uint64_t>(rest.size(), room);
    CopyTo(first.request, first.num_filled, rest.first(length));
    first.num_filled += length;
    position_ += length;
    if (position_ < item.data.size()) {
        Complete(UsbStatus::kSuccess);
        return true;
    }
    const bool ends = item.ends_request || item.status != UsbStatus::kSuccess ||
                      first.num_filled == first.request.num_bytes;
    const UsbStatus status = item.status;
    ++next_;
    position_ = 0;
    if (ends) {
        Complete(status);
    }
    return true;
}

void ReplayInEndpoint::Complete(UsbStatus status) {
    const Waiting first = waiting_.front();
    waiting_.pop_front();
    if (status == UsbStatus::kStalled) {
        waiting_.clear();  // the halt ends them all
    }
    stage_.port().Complete(first.request.id, status, first.num_filled);
}

void ReplayIsochronousEndpoint::Add(const CapturedTransfer &transfer) {
    uint64_t sent = 0;
    for (const UsbCaptureFrame &captured : transfer.frames) {
        const uint64_t offset = address_.is_in() ? captured.offset : sent;
        const uint64_t begin = std::min<uint64_t>(offset, transfer.data.size());
        const uint64_t length =
            std::min<uint64_t>(captured.num_bytes, transfer.data.size() - begin);
        frames_.push_back({.packet = address_.is_in() ? transfer.completion : transfer.submission,
                           .data = transfer.data.subspan(begin, length),
                           .status = address_.is_in() ? UsbFrameStatusFromUrb(captured.status)
                                                      : UsbStatus::kSuccess,
                           .num_events_before = stage_.timeline().NumBefore(transfer.completion)});
        sent += captured.num_bytes;
    }
}

void ReplayIsochronousEndpoint::OnRequest(const UsbModelRequest &request) {
    if (address_.is_in()) {
        return Give(request);
    }
    // Completed last: its memory is the driver's again then.
    Compare(request);
    stage_.port().Complete(request.id, UsbStatus::kSuccess, request.num_bytes);
}

void ReplayIsochronousEndpoint::Give(const UsbModelRequest &request) {
    if (next_ == frames_.size() ||
        !stage_.timeline().HasReached(frames_[next_].num_events_before)) {
        return;
    }
    const Frame &frame = frames_[next_++];
    CopyTo(request, 0, frame.data.first(std::min<uint64_t>(frame.data.size(), request.num_bytes)));
    stage_.port().Complete(request.id, frame.status, frame.data.size());
}

void ReplayIsochronousEndpoint::Compare(const UsbModelRequest &request) {
    if (next_ == frames_.size()) {
        return;
    }
    const Frame &frame = frames_[next_++];
    if (has_departed_) {
        return;
    }
    std::vector<std::byte> sent;
    for (const std::span<std::byte> piece : request.pieces) {
        sent.insert(sent.end(), piece.begin(), piece.end());
    }
    if (!std::ranges::equal(sent, frame.data)) {
        has_departed_ = true;
        stage_.Depart(fmt::format(
            "frame {} that the driver sends to endpoint 0x{:02x} is not the one in packet {}",
            next_ - 1, address_.value, frame.packet));
    }
}

}  // namespace opendext::backends
