// SPDX-License-Identifier: Apache-2.0
#include "backends/libusb/libusb_request.h"

#include <mach/mach_time.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <span>

#include "backends/libusb/libusb_result.h"
#include "base/checked.h"

namespace opendext::backends {
namespace {

constexpr uint64_t kMaxBytes = INT32_MAX - LIBUSB_CONTROL_SETUP_SIZE;
/// What libusb takes in one control transfer.
constexpr uint64_t kMaxControlBytes = 4096;

/// Bytes of the data stage, of the frames, or of the whole buffer; nothing when they are too many to count.
std::optional<uint64_t> NumDataBytes(const UsbTransfer &transfer) {
    if (transfer.type == UsbTransferType::kControl) {
        return transfer.setup.length;
    }
    if (transfer.type != UsbTransferType::kIsochronous) {
        return transfer.num_bytes();
    }
    std::optional<uint64_t> sum = 0;
    for (const UsbIsochronousFrame &frame : transfer.frames) {
        sum = sum ? CheckedAdd<uint64_t>(*sum, frame.num_requested) : sum;
    }
    return sum;
}

unsigned char LibusbTypeOf(const UsbTransfer &transfer) {
    if (transfer.type == UsbTransferType::kBulk && transfer.stream != 0) {
        return LIBUSB_TRANSFER_TYPE_BULK_STREAM;
    }
    return static_cast<unsigned char>(transfer.type);
}

}  // namespace

bool IsIn(const UsbTransfer &transfer) {
    return transfer.type == UsbTransferType::kControl ? transfer.setup.is_in()
                                                      : transfer.endpoint.is_in();
}

UsbStatus CheckRequest(const UsbTransfer &transfer) {
    const std::optional<uint64_t> num_bytes = NumDataBytes(transfer);
    if (!num_bytes || *num_bytes > transfer.num_bytes()) {
        return UsbStatus::kInvalidArgument;
    }
    if (transfer.type == UsbTransferType::kIsochronous && transfer.frames.empty()) {
        return UsbStatus::kInvalidArgument;
    }
    if (transfer.type == UsbTransferType::kControl && *num_bytes > kMaxControlBytes) {
        return UsbStatus::kUnsupported;
    }
    if (transfer.type != UsbTransferType::kBulk && *num_bytes > kMaxBytes) {
        return UsbStatus::kNoResources;
    }
    return UsbStatus::kSuccess;
}

PieceCutter CutterOf(const UsbTransfer &transfer) {
    const bool may_be_cut = transfer.type == UsbTransferType::kBulk;
    return PieceCutter(transfer.buffer, NumDataBytes(transfer).value_or(0),
                       may_be_cut ? PieceCutter::kMaxPieceBytes : PieceCutter::kWhole);
}

bool LibusbRequest::Allocate(size_t num_frames) {
    const std::optional<int> count = CheckedCast<int>(num_frames);
    transfer_ = count ? libusb_alloc_transfer(*count) : nullptr;
    num_frames_ = num_frames;
    return transfer_ != nullptr;
}

void LibusbRequest::Fill(libusb_device_handle *device, const UsbTransfer &transfer,
                         const TransferPiece &cut, std::span<std::byte> room,
                         libusb_transfer_cb_fn callback, void *user_data) {
    const bool is_control = transfer.type == UsbTransferType::kControl;
    const size_t num_setup_bytes = is_control ? LIBUSB_CONTROL_SETUP_SIZE : 0;
    is_outside_ = is_control || cut.memory == nullptr || !room.empty();
    std::byte *memory = cut.memory;
    if (!room.empty()) {
        outside_ = room.first(cut.num_bytes);
        memory = room.data();
    } else if (is_outside_) {
        copy_.resize(num_setup_bytes + cut.num_bytes);
        outside_ = std::span(copy_).subspan(num_setup_bytes);
        memory = copy_.data();
    }
    if (is_control) {
        FillSetup(transfer.setup);
    }
    transfer_->dev_handle = device;
    transfer_->flags = 0;
    transfer_->endpoint = transfer.endpoint.value;
    transfer_->type = LibusbTypeOf(transfer);
    transfer_->timeout = 0;
    transfer_->length = static_cast<int>(num_setup_bytes + cut.num_bytes);
    transfer_->buffer = reinterpret_cast<unsigned char *>(memory);
    transfer_->callback = callback;
    transfer_->user_data = user_data;
    libusb_transfer_set_stream_id(transfer_, transfer.stream);
    FillFrames(transfer);
}

void LibusbRequest::Load(const UsbTransfer &transfer, const TransferPiece &cut) const {
    if (is_outside_ && !IsIn(transfer)) {
        CopyFromBuffer(transfer.buffer, cut.position, outside_);
    }
}

void LibusbRequest::FillSetup(const UsbSetup &setup) {
    const std::array<uint8_t, LIBUSB_CONTROL_SETUP_SIZE> bytes = {
        setup.request_type,
        setup.request,
        static_cast<uint8_t>(setup.value),
        static_cast<uint8_t>(setup.value >> 8),
        static_cast<uint8_t>(setup.index),
        static_cast<uint8_t>(setup.index >> 8),
        static_cast<uint8_t>(setup.length),
        static_cast<uint8_t>(setup.length >> 8)};
    std::memcpy(copy_.data(), bytes.data(), bytes.size());
}

void LibusbRequest::FillFrames(const UsbTransfer &transfer) {
    transfer_->num_iso_packets = static_cast<int>(num_frames_);
    for (size_t i = 0; i < num_frames_; ++i) {
        transfer_->iso_packet_desc[i].length = transfer.frames[i].num_requested;
    }
}

UsbOutcome LibusbRequest::Finish(UsbTransfer &transfer, const TransferPiece &cut) const {
    UsbOutcome outcome{
        .status = StatusOf(transfer_->status),
        .num_bytes = std::min(static_cast<uint64_t>(transfer_->actual_length), cut.num_bytes)};
    const bool is_isochronous = transfer.type == UsbTransferType::kIsochronous;
    if (is_outside_ && IsIn(transfer)) {
        // Each frame's bytes have a place of their own, also when the ones before it are short.
        const uint64_t num_valid = is_isochronous ? cut.num_bytes : outcome.num_bytes;
        CopyToBuffer(transfer.buffer, cut.position, outside_.first(num_valid));
    }
    if (is_isochronous) {
        FinishFrames(transfer, outcome);
    }
    return outcome;
}

void LibusbRequest::FinishFrames(UsbTransfer &transfer, UsbOutcome &outcome) const {
    const uint64_t now = mach_absolute_time();
    outcome.num_bytes = 0;
    for (size_t i = 0; i < num_frames_; ++i) {
        const libusb_iso_packet_descriptor &packet = transfer_->iso_packet_desc[i];
        UsbIsochronousFrame &frame = transfer.frames[i];
        frame.num_done = std::min(packet.actual_length, frame.num_requested);
        frame.status = StatusOf(packet.status);
        if (frame.status == UsbStatus::kSuccess && transfer.endpoint.is_in() &&
            frame.num_done < frame.num_requested) {
            frame.status = UsbStatus::kUnderrun;
        }
        frame.mach_time = now;
        outcome.num_bytes += frame.num_done;
    }
}

}  // namespace opendext::backends
