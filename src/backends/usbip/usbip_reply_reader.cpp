// SPDX-License-Identifier: Apache-2.0
#include "backends/usbip/usbip_reply_reader.h"

#include <algorithm>
#include <utility>

namespace opendext::backends {

namespace {

constexpr size_t kScratchBytes = size_t{64} * 1024;

iovec Whole(std::span<std::byte> bytes) {
    return {bytes.data(), bytes.size()};
}

size_t SizeOf(std::span<const iovec> pieces) {
    size_t sum = 0;
    for (const iovec &piece : pieces) {
        sum += piece.iov_len;
    }
    return sum;
}

void DropFront(std::vector<iovec> &pieces, size_t num_bytes) {
    auto piece = pieces.begin();
    for (; piece != pieces.end() && num_bytes >= piece->iov_len; ++piece) {
        num_bytes -= piece->iov_len;
    }
    if (num_bytes != 0 && piece != pieces.end()) {
        piece->iov_base = static_cast<std::byte *>(piece->iov_base) + num_bytes;
        piece->iov_len -= num_bytes;
    }
    pieces.erase(pieces.begin(), piece);
}

}  // namespace

std::expected<void, UsbipError> UsbipReplyReader::Advance(size_t num_bytes) {
    DropFront(room_, num_bytes);
    if (num_discarded_ != 0) {
        num_discarded_ -= num_bytes;
        ExpectDiscarded(num_discarded_);
    }
    while (room_.empty()) {
        if (auto next = NextStage(); !next) {
            return next;
        }
    }
    return {};
}

void UsbipReplyReader::Discard(uint32_t seqnum) {
    if (stage_ == Stage::kData && reply_.from.seqnum == seqnum && num_discarded_ == 0) {
        ExpectDiscarded(SizeOf(room_));
    }
}

void UsbipReplyReader::ExpectHeader() {
    stage_ = Stage::kHeader;
    room_.assign(1, Whole(header_));
}

void UsbipReplyReader::ExpectDiscarded(size_t num_bytes) {
    num_discarded_ = num_bytes;
    scratch_.resize(kScratchBytes);
    room_.clear();
    if (num_bytes != 0) {
        room_.push_back(Whole(std::span(scratch_).first(std::min(num_bytes, kScratchBytes))));
    }
}

std::expected<void, UsbipError> UsbipReplyReader::NextStage() {
    switch (std::exchange(stage_, Stage::kHeader)) {
        case Stage::kHeader:
            return BeginReply();
        case Stage::kData:
            return ExpectFrames() ? std::expected<void, UsbipError>() : EndReply();
        case Stage::kFrames:
            return EndReply();
    }
    std::unreachable();
}

std::expected<void, UsbipError> UsbipReplyReader::BeginReply() {
    auto reply = DecodeUsbipReply(header_);
    if (!reply) {
        return std::unexpected(std::move(reply.error()));
    }
    if (const auto *unlinked = std::get_if<UsbipUnlinkReply>(&*reply)) {
        ExpectHeader();
        return target_.OnReply(*unlinked);
    }
    reply_ = std::get<UsbipSubmitReply>(*reply);
    auto body = target_.OnReply(reply_);
    if (!body) {
        return std::unexpected(std::move(body.error()));
    }
    BeginData(std::move(*body));
    return {};
}

void UsbipReplyReader::BeginData(UsbipReplyBody body) {
    stage_ = Stage::kData;
    gathered_.clear();
    frames_.clear();
    switch (body.data) {
        case UsbipReplyBody::Data::kNone:
            break;
        case UsbipReplyBody::Data::kPieces:
            room_ = std::move(body.pieces);
            std::erase_if(room_, [](const iovec &piece) { return piece.iov_len == 0; });
            break;
        case UsbipReplyBody::Data::kGathered:
            gathered_.resize(reply_.num_bytes);
            if (!gathered_.empty()) {
                room_.push_back(Whole(gathered_));
            }
            break;
        case UsbipReplyBody::Data::kDiscarded:
            ExpectDiscarded(reply_.num_bytes);
            break;
    }
}

bool UsbipReplyReader::ExpectFrames() {
    if (reply_.num_frames == 0) {
        return false;
    }
    stage_ = Stage::kFrames;
    frames_.resize(size_t{reply_.num_frames} * kUsbipFrameBytes);
    room_.assign(1, Whole(frames_));
    return true;
}

std::expected<void, UsbipError> UsbipReplyReader::EndReply() {
    const std::vector<UsbipFrame> frames = DecodeUsbipFrames(frames_);
    ExpectHeader();
    return target_.OnReplyComplete(reply_, gathered_, frames);
}

}  // namespace opendext::backends
