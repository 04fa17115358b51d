// SPDX-License-Identifier: Apache-2.0
#include "backends/usbip/usbip_urb_table.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "backends/api/usb_urb.h"
#include "base/checked.h"
#include "base/clock.h"

namespace opendext::backends {

namespace {

constexpr size_t kMaxUnlinkedKept = 1024;

/// Calls `visit` with the runs of host memory that hold a range of a transfer, which is within it.
template <typename Visit>
void ForEachRun(const std::vector<HostSpan> &buffer, uint64_t offset, uint64_t num_bytes,
                Visit visit) {
    for (const HostSpan &piece : buffer) {
        if (num_bytes == 0) {
            return;
        }
        if (offset >= piece.num_bytes) {
            offset -= piece.num_bytes;
            continue;
        }
        const uint64_t length = std::min(num_bytes, piece.num_bytes - offset);
        visit(std::span(piece.address + offset, length));
        num_bytes -= length;
        offset = 0;
    }
}

std::vector<iovec> PiecesOf(const UsbTransfer &transfer, uint64_t offset, uint64_t num_bytes) {
    std::vector<iovec> pieces;
    ForEachRun(transfer.buffer, offset, num_bytes,
               [&](std::span<std::byte> run) { pieces.push_back({run.data(), run.size()}); });
    return pieces;
}

uint64_t FrameBytes(const UsbTransfer &transfer) {
    uint64_t sum = 0;
    for (const UsbIsochronousFrame &frame : transfer.frames) {
        sum += frame.num_requested;
    }
    return sum;
}

}  // namespace

void UsbipUrbTable::Start(UsbTransfer &transfer, const UsbipTiming &timing) {
    if (const auto refusal = Refusal(transfer)) {
        ended_.push_back({&transfer, {.status = *refusal}});
        return;
    }
    auto active = std::make_unique<Active>();
    active->transfer = &transfer;
    active->timing = timing;
    switch (transfer.type) {
        case UsbTransferType::kControl:
            active->is_in = transfer.setup.is_in();
            active->num_bytes = transfer.setup.length;
            break;
        case UsbTransferType::kIsochronous:
            active->is_in = transfer.endpoint.is_in();
            active->num_bytes = FrameBytes(transfer);
            break;
        default:
            active->is_in = transfer.endpoint.is_in();
            active->num_bytes = transfer.num_bytes();
            break;
    }
    waiting_[transfer.endpoint].push_back(active.get());
    active_[&transfer] = std::move(active);
    IssueWaiting(transfer.endpoint);
}

std::optional<UsbStatus> UsbipUrbTable::Refusal(const UsbTransfer &transfer) {
    if (transfer.stream != 0) {
        return UsbStatus::kUnsupported;
    }
    const bool is_control = transfer.type == UsbTransferType::kControl;
    if (is_control != (transfer.endpoint.number() == 0) ||
        (is_control && transfer.setup.length > transfer.num_bytes())) {
        return UsbStatus::kInvalidArgument;
    }
    if (transfer.type == UsbTransferType::kIsochronous &&
        (transfer.frames.empty() || FrameBytes(transfer) > transfer.num_bytes() ||
         std::ranges::any_of(transfer.frames, [](const UsbIsochronousFrame &frame) {
             return frame.num_requested > kUsbipMaxUrbBytes;
         }))) {
        return UsbStatus::kInvalidArgument;
    }
    return std::nullopt;
}

void UsbipUrbTable::IssueWaiting(UsbEndpointAddress endpoint) {
    const auto found = waiting_.find(endpoint);
    while (found != waiting_.end() && !found->second.empty()) {
        Active &first = *found->second.front();
        while (!first.all_issued && IssueNext(first)) {}
        if (!first.all_issued) {
            return;
        }
        found->second.pop_front();
    }
}

// IN: a short packet ends the transfer, so the next part is asked for when this one has come in full.
bool UsbipUrbTable::IssueNext(Active &active) {
    const UsbTransfer &transfer = *active.transfer;
    if (active.is_in && !active.pending.empty() && transfer.type != UsbTransferType::kIsochronous) {
        return false;
    }
    const uint64_t offset = active.num_issued;
    const size_t first_frame = active.num_frames_issued;
    const UsbipSubmit submit = NextSubmit(active);
    active.num_issued += submit.num_bytes;
    active.num_frames_issued += submit.num_frames;
    active.all_issued = transfer.type == UsbTransferType::kIsochronous
                            ? active.num_frames_issued == transfer.frames.size()
                            : active.num_issued == active.num_bytes;
    Send(active, submit, offset, first_frame);
    return true;
}

UsbipSubmit UsbipUrbTable::NextSubmit(Active &active) {
    const UsbTransfer &transfer = *active.transfer;
    UsbipSubmit submit;
    submit.to = {.seqnum = NextSeqnum(),
                 .device_id = device_id_,
                 .is_in = active.is_in,
                 .endpoint = transfer.endpoint.number()};
    submit.flags = active.is_in ? kUrbDirectionIn : 0;
    submit.interval = active.timing.interval;
    const uint64_t left = active.num_bytes - active.num_issued;
    if (transfer.type != UsbTransferType::kIsochronous) {
        submit.num_bytes = static_cast<uint32_t>(std::min<uint64_t>(left, kUsbipMaxUrbBytes));
        submit.setup = transfer.type == UsbTransferType::kControl ? EncodeUsbSetup(transfer.setup)
                                                                  : submit.setup;
        return submit;
    }
    submit.flags |= kUrbIsoAsap;
    size_t frame = active.num_frames_issued;
    for (; frame < transfer.frames.size() && submit.num_frames < kUsbipMaxFrames; ++frame) {
        const uint32_t num_requested = transfer.frames[frame].num_requested;
        if (submit.num_bytes + num_requested > kUsbipMaxUrbBytes) {
            break;
        }
        submit.num_bytes += num_requested;
        ++submit.num_frames;
    }
    return submit;
}

void UsbipUrbTable::Send(Active &active, const UsbipSubmit &submit, uint64_t offset,
                         size_t first_frame) {
    UsbipMessage message{.seqnum = submit.to.seqnum};
    EncodeUsbip(submit, message.head);
    if (!active.is_in) {
        message.data = PiecesOf(*active.transfer, offset, submit.num_bytes);
    }
    UsbipFrame frame;
    for (size_t i = first_frame; i < first_frame + submit.num_frames; ++i) {
        frame.num_bytes = active.transfer->frames[i].num_requested;
        EncodeUsbip(frame, message.tail);
        frame.offset += frame.num_bytes;
    }
    urbs_[submit.to.seqnum] = {.owner = &active,
                               .to = submit.to,
                               .offset = offset,
                               .num_bytes = submit.num_bytes,
                               .first_frame = first_frame,
                               .num_frames = submit.num_frames};
    active.pending.push_back(submit.to.seqnum);
    queue_.Push(std::move(message));
}

std::vector<uint32_t> UsbipUrbTable::Cancel(UsbTransfer &transfer) {
    const auto found = active_.find(&transfer);
    if (found == active_.end()) {
        return {};
    }
    std::vector<uint32_t> seqnums = found->second->pending;
    End(*found->second, UsbStatus::kAborted);
    return seqnums;
}

void UsbipUrbTable::EndAll(UsbStatus status) {
    for (const auto &[transfer, active] : active_) {
        ended_.push_back({transfer, {.status = status, .num_bytes = active->num_moved}});
    }
    waiting_.clear();
    urbs_.clear();
    active_.clear();
}

std::expected<UsbipReplyBody, UsbipError> UsbipUrbTable::OnReply(const UsbipSubmitReply &reply) {
    const auto found = urbs_.find(reply.from.seqnum);
    if (found == urbs_.end() || queue_.Holds(reply.from.seqnum)) {
        return std::unexpected(
            fmt::format("a reply to command {}, which is not outstanding", reply.from.seqnum));
    }
    const Urb &urb = found->second;
    if (auto checked = Check(reply, urb); !checked) {
        return std::unexpected(std::move(checked.error()));
    }
    if (!urb.to.is_in || reply.num_bytes == 0) {
        return UsbipReplyBody{};
    }
    if (urb.owner == nullptr) {
        return UsbipReplyBody{.data = UsbipReplyBody::Data::kDiscarded};
    }
    if (urb.num_frames != 0) {
        return UsbipReplyBody{.data = UsbipReplyBody::Data::kGathered};
    }
    return UsbipReplyBody{.data = UsbipReplyBody::Data::kPieces,
                          .pieces = PiecesOf(*urb.owner->transfer, urb.offset, reply.num_bytes)};
}

// Linux answers with zeros for the addressing, others repeat that of the command.
std::expected<void, UsbipError> UsbipUrbTable::Check(const UsbipSubmitReply &reply,
                                                     const Urb &urb) const {
    const auto fits = [](auto value, auto expected) { return value == 0 || value == expected; };
    if (!fits(reply.from.device_id, device_id_) || !fits(reply.from.is_in, urb.to.is_in) ||
        !fits(reply.from.endpoint, urb.to.endpoint)) {
        return std::unexpected(fmt::format(
            "the reply to command {} is from device 0x{:x}, endpoint {} {}, not from endpoint {} "
            "{}",
            reply.from.seqnum, reply.from.device_id, reply.from.endpoint,
            reply.from.is_in ? "in" : "out", urb.to.endpoint, urb.to.is_in ? "in" : "out"));
    }
    if (reply.num_bytes > urb.num_bytes) {
        return std::unexpected(
            fmt::format("the reply to command {} has {} bytes; at most {} were asked for",
                        reply.from.seqnum, reply.num_bytes, urb.num_bytes));
    }
    const bool has_no_frames = reply.status != 0 && reply.num_frames == 0;
    if (reply.num_frames != urb.num_frames && !has_no_frames) {
        return std::unexpected(
            fmt::format("the reply to command {} has {} isochronous packets, the command {}",
                        reply.from.seqnum, reply.num_frames, urb.num_frames));
    }
    return {};
}

std::expected<void, UsbipError> UsbipUrbTable::OnReplyComplete(const UsbipSubmitReply &reply,
                                                               std::span<const std::byte> gathered,
                                                               std::span<const UsbipFrame> frames) {
    const auto found = urbs_.find(reply.from.seqnum);
    if (found == urbs_.end()) {
        return {};  // cancelled, and forgotten, while it was received
    }
    const Urb urb = found->second;
    if (urb.owner != nullptr && urb.num_frames != 0) {
        if (auto taken = TakeFrames(urb, reply, gathered, frames); !taken) {
            return taken;
        }
    }
    urbs_.erase(found);
    if (urb.owner != nullptr) {
        EndUrb(urb, reply);
    } else {
        std::erase(unlinked_, reply.from.seqnum);
    }
    return {};
}

std::expected<void, UsbipError> UsbipUrbTable::TakeFrames(const Urb &urb,
                                                          const UsbipSubmitReply &reply,
                                                          std::span<const std::byte> gathered,
                                                          std::span<const UsbipFrame> frames) {
    UsbTransfer &transfer = *urb.owner->transfer;
    const uint64_t now = NowNanoseconds(ClockDomain::kUptime);
    uint64_t offset = urb.offset;
    size_t num_taken = 0;
    for (size_t i = 0; i < frames.size(); ++i) {
        UsbIsochronousFrame &wanted = transfer.frames[urb.first_frame + i];
        const UsbipFrame &frame = frames[i];
        const bool has_data = urb.to.is_in && frame.num_done != 0;
        if (frame.num_done > wanted.num_requested || frame.status > 0 ||
            (has_data && frame.num_done > gathered.size() - num_taken)) {
            return std::unexpected(fmt::format(
                "packet {} of the reply to command {} has {} bytes and the status {}; {} bytes "
                "were asked for",
                i, reply.from.seqnum, frame.num_done, frame.status, wanted.num_requested));
        }
        if (has_data) {
            ForEachRun(transfer.buffer, offset, frame.num_done, [&](std::span<std::byte> run) {
                std::memcpy(run.data(), gathered.data() + num_taken, run.size());
                num_taken += run.size();
            });
        }
        offset += wanted.num_requested;
        wanted.num_done = frame.num_done;
        wanted.status = UsbFrameStatusFromUrb(frame.status);
        wanted.mach_time = now - (frames.size() - 1 - i) * urb.owner->timing.frame_nanoseconds;
    }
    if (num_taken != gathered.size()) {
        return std::unexpected(
            fmt::format("the packets of the reply to command {} have {} bytes, the reply {}",
                        reply.from.seqnum, num_taken, gathered.size()));
    }
    return {};
}

void UsbipUrbTable::EndUrb(const Urb &urb, const UsbipSubmitReply &reply) {
    Active &active = *urb.owner;
    const UsbEndpointAddress endpoint = active.transfer->endpoint;
    std::erase(active.pending, urb.to.seqnum);
    active.num_moved += reply.num_bytes;
    const UsbStatus status = UsbStatusFromUrb(reply.status);
    const bool is_short = urb.num_frames == 0 && reply.num_bytes < urb.num_bytes;
    if (status != UsbStatus::kSuccess || is_short ||
        (active.all_issued && active.pending.empty())) {
        End(active, status);
    } else {
        IssueWaiting(endpoint);
    }
}

void UsbipUrbTable::End(Active &active, UsbStatus status) {
    UsbTransfer &transfer = *active.transfer;
    const UsbEndpointAddress endpoint = transfer.endpoint;
    for (const uint32_t seqnum : active.pending) {
        Abandon(seqnum);
    }
    std::erase(waiting_[endpoint], &active);
    ended_.push_back({&transfer, {.status = status, .num_bytes = active.num_moved}});
    active_.erase(&transfer);
    IssueWaiting(endpoint);
}

void UsbipUrbTable::Abandon(uint32_t seqnum) {
    if (!queue_.Withdraw(seqnum)) {
        urbs_.erase(seqnum);
        return;
    }
    Urb &urb = urbs_[seqnum];
    urb.owner = nullptr;
    UsbipUnlink unlink{.to = urb.to, .victim = seqnum};
    unlink.to.seqnum = NextSeqnum();
    unlinks_[unlink.to.seqnum] = seqnum;
    UsbipMessage message{.seqnum = unlink.to.seqnum};
    EncodeUsbip(unlink, message.head);
    queue_.Push(std::move(message));
    if (unlinks_.size() > kUsbipMaxUnlinks) {
        failure_ =
            fmt::format("the server has not answered {} cancelled commands", unlinks_.size());
    }
}

std::expected<void, UsbipError> UsbipUrbTable::OnReply(const UsbipUnlinkReply &reply) {
    const auto found = unlinks_.find(reply.from.seqnum);
    if (found == unlinks_.end() || queue_.Holds(reply.from.seqnum)) {
        return std::unexpected(fmt::format("a reply to cancel command {}, which is not outstanding",
                                           reply.from.seqnum));
    }
    const uint32_t victim = found->second;
    unlinks_.erase(found);
    if (!urbs_.contains(victim)) {
        return {};
    }
    unlinked_.push_back(victim);
    if (unlinked_.size() > kMaxUnlinkedKept) {
        urbs_.erase(unlinked_.front());
        unlinked_.pop_front();
    }
    return {};
}

uint32_t UsbipUrbTable::NextSeqnum() {
    do {
        ++last_seqnum_;
    } while (last_seqnum_ == 0 || urbs_.contains(last_seqnum_) || unlinks_.contains(last_seqnum_));
    return last_seqnum_;
}

}  // namespace opendext::backends
