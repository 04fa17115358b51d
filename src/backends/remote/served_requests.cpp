// SPDX-License-Identifier: Apache-2.0
// What a session does for the entries of its client. Each is a private copy.
#include <algorithm>
#include <bit>
#include <cstring>
#include <string>
#include <utility>

#include "backends/remote/served_session.h"
#include "base/checked.h"
#include "base/copy_out.h"

namespace opendext::backends::remote {

/// What an entry says of its data: spans of memory that is mapped here, and what keeps it mapped.
struct ServedSession::TransferParts {
    std::vector<HostSpan> buffer;
    std::vector<std::shared_ptr<SharedRegion>> keeps;
    std::vector<UsbIsochronousFrame> frames;
    std::byte *shared_frames = nullptr;  ///< Where the client reads what became of them.
    bool is_mapped = true;               ///< False: there was no address space for it.
};

namespace {

/// A client's transfer on its way through the session.
class ServedTransfer final : public UsbTransfer {
public:
    ServedTransfer(std::shared_ptr<ServedSession> session, const SubmissionEntry &entry)
        : session_(std::move(session)), slot_(entry.slot) {
        type = static_cast<UsbTransferType>(entry.type);
        endpoint = {entry.endpoint};
        setup = {.request_type = entry.setup_request_type,
                 .request = entry.setup_request,
                 .value = entry.setup_value,
                 .index = entry.setup_index,
                 .length = entry.setup_length};
        stream = entry.stream;
        timeout_ms = entry.timeout_ms;
        first_frame = entry.first_frame;
    }

    void OnComplete(const UsbOutcome &outcome) override {
        for (size_t i = 0; i < frames.size(); ++i) {
            const WireFrame done = {.num_requested = frames[i].num_requested,
                                    .num_done = frames[i].num_done,
                                    .status = static_cast<uint32_t>(frames[i].status),
                                    .reserved = 0,
                                    .mach_time = frames[i].mach_time};
            std::memcpy(shared_frames + i * sizeof(done), &done, sizeof(done));
        }
        session_->GiveFrames(frames.size());
        session_->Complete(slot_, EntryKind::kTransfer, static_cast<uint8_t>(outcome.status),
                           outcome.num_bytes);
    }

    std::byte *shared_frames = nullptr;
    std::vector<std::shared_ptr<SharedRegion>> keeps;

private:
    const std::shared_ptr<ServedSession> session_;
    const uint16_t slot_;
};

BackendResult<void> Await(UsbBackend &backend, const OperationEntry &entry) {
    const UsbClaim claim = (entry.flags & kWholeDevice) != 0 ? UsbClaim() : UsbClaim(entry.target);
    const bool option = (entry.flags & kOption) != 0;
    switch (static_cast<Operation>(entry.operation)) {
        case Operation::kClaim:
            return backend.Claim(claim);
        case Operation::kRelease:
            backend.Release(claim);
            return {};
        case Operation::kSetConfiguration:
            return backend.SetConfiguration(entry.target, option);
        case Operation::kSetAlternateSetting:
            return backend.SetAlternateSetting(entry.target, entry.alternate);
        case Operation::kClearHalt:
            return backend.ClearHalt({entry.target}, option);
        case Operation::kReset:
            return backend.Reset();
        case Operation::kSetStreams: {
            const auto num_streams = CheckedCast<uint16_t>(entry.num_streams);
            return num_streams ? backend.SetStreams({entry.target}, *num_streams)
                               : Refuse(BackendErrorCode::kInvalidArgument, "too many streams");
        }
        default:
            return Refuse(BackendErrorCode::kUnsupported, "an unknown operation");
    }
}

}  // namespace

ServedSession::Complaint ServedSession::Handle(const SubmissionEntry &entry) {
    switch (static_cast<EntryKind>(entry.kind)) {
        case EntryKind::kTransfer:
            return StartTransfer(entry);
        case EntryKind::kAbort:
            backend_->Abort({entry.endpoint}, entry.stream);
            return {};
        case EntryKind::kOperation:
            return RunOperation(std::bit_cast<OperationEntry>(entry));
        default:
            return "an entry of an unknown kind";
    }
}

ServedSession::Complaint ServedSession::BeginRequest(uint16_t slot) {
    if (slot >= kNumSlots || is_busy_[slot].exchange(true)) {
        return "a request in a slot that does not exist or is in use";
    }
    return {};
}

// --- Transfers -------------------------------------------------------------------------------------------------------

ServedSession::Complaint ServedSession::StartTransfer(const SubmissionEntry &entry) {
    if (entry.type > static_cast<uint8_t>(UsbTransferType::kInterrupt)) {
        return "a transfer of an unknown type";
    }
    TransferParts parts;
    if (entry.slot >= kNumSlots) {
        return "a transfer in a slot that does not exist";
    }
    if (const Complaint complaint = ReadParts(entry, parts); !complaint.empty()) {
        return complaint;
    }
    if (const Complaint complaint = BeginRequest(entry.slot); !complaint.empty()) {
        return complaint;
    }
    endpoints_[entry.slot] = entry.endpoint;
    num_transfers_.fetch_add(1);
    auto transfer = std::make_unique<ServedTransfer>(shared_from_this(), entry);
    if (!parts.is_mapped || !TakeFrames(parts.frames.size())) {
        transfer->OnComplete({.status = UsbStatus::kNoResources, .num_bytes = 0});
        return {};
    }
    transfer->buffer = std::move(parts.buffer);
    transfer->frames = std::move(parts.frames);
    transfer->keeps = std::move(parts.keeps);
    transfer->shared_frames = parts.shared_frames;
    backend_->Submit(std::move(transfer));
    return {};
}

bool ServedSession::TakeFrames(size_t num_frames) {
    if (num_frames_.fetch_add(num_frames) + num_frames <= kMostFramesUnderWay) {
        return true;
    }
    GiveFrames(num_frames);
    return false;
}

ServedSession::Complaint ServedSession::ReadParts(const SubmissionEntry &entry,
                                                  TransferParts &parts) {
    if (entry.num_pieces == 1 && entry.num_frames == 0) {
        parts.buffer.resize(1);
        if (const Complaint complaint = Resolve(entry.data, entry.slot, parts, parts.buffer[0]);
            !complaint.empty()) {
            return complaint;
        }
    } else if (entry.num_pieces != 0 || entry.num_frames != 0) {
        if (const Complaint complaint = ReadList(entry, parts); !complaint.empty()) {
            return complaint;
        }
    }
    if (!parts.is_mapped) {
        return {};
    }
    uint64_t num_bytes =
        0;  // no overflow: each piece is within a region, and there are kMostPieces
    for (const HostSpan &piece : parts.buffer) {
        num_bytes += piece.num_bytes;
    }
    uint64_t num_frame_bytes = 0;
    for (const UsbIsochronousFrame &frame : parts.frames) {
        num_frame_bytes += frame.num_requested;
    }
    const bool is_control = entry.type == static_cast<uint8_t>(UsbTransferType::kControl);
    const bool fits = num_bytes <= kMostTransferBytes && num_frame_bytes <= num_bytes &&
                      (!is_control || entry.setup_length <= num_bytes);
    return fits ? Complaint() : "a transfer whose lengths do not fit each other";
}

ServedSession::Complaint ServedSession::ReadList(const SubmissionEntry &entry,
                                                 TransferParts &parts) {
    if (entry.num_pieces > kMostPieces || entry.num_frames > kMostFrames) {
        return "a transfer of more parts than one may have";
    }
    const uint64_t range_bytes = entry.num_pieces * sizeof(WireRange);
    if (entry.data.num_bytes != range_bytes + entry.num_frames * sizeof(WireFrame) ||
        entry.data.offset % alignof(WireRange) != 0) {
        return "a list of another size than its parts have";
    }
    HostSpan list;
    if (const Complaint complaint = Resolve(entry.data, entry.slot, parts, list);
        !complaint.empty() || !parts.is_mapped) {
        return complaint;
    }
    parts.buffer.resize(entry.num_pieces);
    const auto *const ranges = reinterpret_cast<const WireRange *>(list.address);
    for (uint32_t i = 0; i < entry.num_pieces; ++i) {
        if (const Complaint complaint =
                Resolve(CopyOut(ranges[i]), entry.slot, parts, parts.buffer[i]);
            !complaint.empty()) {
            return complaint;
        }
    }
    parts.shared_frames = list.address + range_bytes;
    const auto *const frames = reinterpret_cast<const WireFrame *>(parts.shared_frames);
    parts.frames.resize(entry.num_frames);
    for (uint32_t i = 0; i < entry.num_frames; ++i) {
        parts.frames[i].num_requested = CopyOut(frames[i]).num_requested;
    }
    return {};
}

ServedSession::Complaint ServedSession::Resolve(const WireRange &range, uint16_t slot,
                                                TransferParts &parts, HostSpan &span) {
    if (range.num_bytes == 0) {
        return "a piece of no bytes";
    }
    span.num_bytes = range.num_bytes;
    if (range.region_id == 0) {
        if (!RangeIsWithin(range.offset, range.num_bytes, kSlotBytes)) {
            return "data outside of its slot";
        }
        span.address = memory_->slots[slot].data.data() + range.offset;
        return {};
    }
    std::shared_ptr<SharedRegion> region = regions_.Find(range.region_id);
    // It was sent before the entry was written, but perhaps behind many others.
    for (bool has_more = true; region == nullptr && has_more;) {
        has_more = TakeMessages();
        region = regions_.Find(range.region_id);
    }
    if (region == nullptr || !RangeIsWithin(range.offset, range.num_bytes, region->num_bytes())) {
        return "data outside of the regions that it registered";
    }
    std::byte *const start = region->Writable();
    parts.is_mapped = parts.is_mapped && start != nullptr;
    if (start != nullptr) {
        span.address = start + range.offset;
        span.region = region.get();
        span.region_offset = range.offset;
    }
    if (parts.keeps.empty() || parts.keeps.back() != region) {
        parts.keeps.push_back(std::move(region));
    }
    return {};
}

// --- Operations ------------------------------------------------------------------------------------------------------

ServedSession::Complaint ServedSession::RunOperation(const OperationEntry &entry) {
    if (entry.operation >= kNumOperations) {
        return "an unknown operation";
    }
    if (const Complaint complaint = BeginRequest(entry.slot); !complaint.empty()) {
        return complaint;
    }
    switch (static_cast<Operation>(entry.operation)) {
        case Operation::kConfiguration:
            Complete(entry.slot, EntryKind::kOperation, 0, backend_->Configuration());
            return {};
        case Operation::kAlternateSetting:
            Complete(entry.slot, EntryKind::kOperation, 0,
                     backend_->AlternateSetting(entry.target));
            return {};
        case Operation::kCurrentFrame: {
            const UsbFrameTime now = backend_->CurrentFrame();
            std::memcpy(memory_->slots[entry.slot].data.data(), &now.mach_time,
                        sizeof(now.mach_time));
            Complete(entry.slot, EntryKind::kOperation, 0, now.frame);
            return {};
        }
        case Operation::kNewSession:
            return RunNewSession(entry);
        default:
            RunOnThread(entry.slot, [backend = backend_, entry] { return Await(*backend, entry); });
            return {};
    }
}

ServedSession::Complaint ServedSession::RunNewSession(const OperationEntry &entry) {
    auto found = sockets_.find(entry.session_id);
    for (bool has_more = true; found == sockets_.end() && has_more;) {
        has_more = TakeMessages();
        found = sockets_.find(entry.session_id);
    }
    if (found == sockets_.end()) {
        Answer(entry.slot, Refuse(BackendErrorCode::kInvalidArgument, "no socket"));
        return "a new session without a socket";
    }
    RunOnThread(entry.slot,
                [this, backend = backend_,
                 socket = std::move(found->second)]() mutable -> BackendResult<void> {
                    auto session = backend->NewSession();
                    return session ? open_(std::move(socket), std::move(*session))
                                   : std::unexpected(std::move(session.error()));
                });
    sockets_.erase(found);
    return {};
}

void ServedSession::RunOnThread(uint16_t slot,
                                std::move_only_function<BackendResult<void>()> operation) {
    const bool is_posted = operations_.Post(
        [this, slot, operation = std::move(operation)]() mutable { Answer(slot, operation()); });
    if (!is_posted) {
        Answer(slot, Refuse(BackendErrorCode::kNoResources, "no thread for a USB operation"));
    }
}

void ServedSession::Answer(uint16_t slot, const BackendResult<void> &result) {
    if (result) {
        return Complete(slot, EntryKind::kOperation, 0, 0);
    }
    const std::string &text = result.error().message;
    const size_t num_bytes = std::min<size_t>(text.size(), kSlotBytes);
    std::memcpy(memory_->slots[slot].data.data(), text.data(), num_bytes);
    Complete(slot, EntryKind::kOperation,
             static_cast<uint8_t>(1 + static_cast<uint8_t>(result.error().code)), num_bytes);
}

}  // namespace opendext::backends::remote
