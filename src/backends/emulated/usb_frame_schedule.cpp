// SPDX-License-Identifier: Apache-2.0
#include "backends/emulated/usb_frame_schedule.h"

#include <algorithm>

#include "backends/usb/usb_claims.h"

namespace opendext::backends {
namespace {

constexpr uint64_t kMicroframeNs = 125'000;
constexpr uint64_t kFurthestFrames = 1024;
constexpr uint8_t kMaxInterval = 16;

uint64_t IntervalOf(const UsbEndpoint &endpoint, UsbSpeed speed, uint64_t frame_ns) {
    const uint64_t unit = speed >= UsbSpeed::kHigh ? kMicroframeNs : frame_ns;
    return unit << (std::clamp<uint8_t>(endpoint.interval, 1, kMaxInterval) - 1);
}

}  // namespace

std::optional<UsbStatus> UsbFrameSchedule::Add(UsbTransfer &transfer, const UsbEndpoint &endpoint,
                                               UsbSpeed speed, uint64_t now_ns) {
    Endpoint &at = endpoints_[IndexOf(endpoint.address)];
    at.interval_ns = IntervalOf(endpoint, speed, kFrameNs);
    const uint64_t next_frame = FrameAt(now_ns) + 1;
    uint64_t start = StartOf(next_frame);
    if (transfer.first_frame != 0) {
        if (transfer.first_frame < next_frame || StartOf(transfer.first_frame) < at.free_from_ns) {
            return UsbStatus::kTooLate;
        }
        if (transfer.first_frame > next_frame + kFurthestFrames) {
            return UsbStatus::kTooEarly;
        }
        start = StartOf(transfer.first_frame);
    } else if (at.free_from_ns > now_ns) {
        start = at.free_from_ns;
    }
    at.free_from_ns = start + at.interval_ns * transfer.frames.size();
    at.queue.push_back({.transfer = &transfer, .next_end_ns = start + at.interval_ns});
    return std::nullopt;
}

std::optional<UsbFrameSchedule::DueFrame> UsbFrameSchedule::TakeDue(uint64_t now_ns) {
    const auto is_due = [now_ns](const Endpoint &each) {
        return !each.queue.empty() && each.queue.front().next_end_ns <= now_ns;
    };
    const auto found = std::ranges::find_if(endpoints_, is_due);
    if (found == endpoints_.end()) {
        return std::nullopt;
    }
    Queued &front = found->queue.front();
    UsbTransfer &transfer = *front.transfer;
    UsbIsochronousFrame &frame = transfer.frames[front.index];
    frame.mach_time = front.next_end_ns;
    const DueFrame due{.transfer = &transfer,
                       .index = front.index,
                       .offset = front.offset,
                       .is_last = front.index + 1 == transfer.frames.size()};
    front.offset += frame.num_requested;
    front.next_end_ns += found->interval_ns;
    ++front.index;
    if (due.is_last) {
        found->queue.pop_front();
    }
    return due;
}

std::optional<uint64_t> UsbFrameSchedule::NextTime() const {
    std::optional<uint64_t> next;
    for (const Endpoint &each : endpoints_) {
        if (!each.queue.empty()) {
            const uint64_t end = each.queue.front().next_end_ns;
            next = std::min(next.value_or(end), end);
        }
    }
    if (next) {
        next = (*next + kFrameNs - 1) / kFrameNs * kFrameNs;  // many microframes in one go
    }
    return next;
}

bool UsbFrameSchedule::Remove(UsbTransfer &transfer) {
    Endpoint &at = endpoints_[IndexOf(transfer.endpoint)];
    const auto found = std::ranges::find(at.queue, &transfer, &Queued::transfer);
    if (found == at.queue.end()) {
        return false;
    }
    for (size_t index = found->index; index < transfer.frames.size(); ++index) {
        transfer.frames[index].status = UsbStatus::kAborted;
    }
    at.queue.erase(found);
    if (at.queue.empty()) {
        at.free_from_ns = 0;
    }
    return true;
}

UsbTransfer *UsbFrameSchedule::LastAt(size_t endpoint_index) const {
    const std::deque<Queued> &queue = endpoints_[endpoint_index].queue;
    return queue.empty() ? nullptr : queue.back().transfer;
}

}  // namespace opendext::backends
