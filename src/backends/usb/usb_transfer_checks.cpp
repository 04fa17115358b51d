// SPDX-License-Identifier: Apache-2.0
#include "backends/usb/usb_transfer_checks.h"

#include <algorithm>

#include "base/checked.h"

namespace opendext::backends {
namespace {

// Standard requests that change what the port keeps account of: it has operations for them.
constexpr uint8_t kToDevice = 0x00;
constexpr uint8_t kToInterface = 0x01;
constexpr uint8_t kSetAddress = 5;
constexpr uint8_t kSetConfiguration = 9;
constexpr uint8_t kSetInterface = 11;

bool ChangesWhatThePortKeeps(const UsbSetup &setup) {
    return (setup.request_type == kToDevice &&
            (setup.request == kSetAddress || setup.request == kSetConfiguration)) ||
           (setup.request_type == kToInterface && setup.request == kSetInterface);
}

/// Bytes of the buffer; nullopt when a piece is nowhere or the sum does not fit.
std::optional<uint64_t> BufferBytes(const UsbTransfer &transfer) {
    uint64_t sum = 0;
    for (const HostSpan &piece : transfer.buffer) {
        const auto next = CheckedAdd(sum, piece.num_bytes);
        if (!next || (piece.address == nullptr && piece.num_bytes != 0)) {
            return std::nullopt;
        }
        sum = *next;
    }
    return sum;
}

std::optional<UsbStatus> FindControlFault(const UsbTransfer &transfer, uint64_t num_bytes) {
    if (transfer.endpoint.value != 0 || transfer.stream != 0 || transfer.setup.length > num_bytes) {
        return UsbStatus::kInvalidArgument;
    }
    if (ChangesWhatThePortKeeps(transfer.setup)) {
        return UsbStatus::kUnsupported;
    }
    return std::nullopt;
}

bool FramesFit(const UsbTransfer &transfer, uint64_t num_bytes) {
    uint64_t sum = 0;  // of 32-bit numbers, fewer than 2^32 of them
    for (const UsbIsochronousFrame &frame : transfer.frames) {
        sum += frame.num_requested;
    }
    return !transfer.frames.empty() && sum <= num_bytes;
}

UsbOutcome SettleFrames(UsbTransfer &transfer, UsbOutcome outcome) {
    uint64_t sum = 0;
    for (UsbIsochronousFrame &frame : transfer.frames) {
        if (frame.num_done > frame.num_requested) {
            frame.num_done = frame.num_requested;
            frame.status = UsbStatus::kBabble;
        }
        sum += frame.num_done;
    }
    outcome.num_bytes = sum;
    return outcome;
}

}  // namespace

std::optional<UsbStatus> FindUsbTransferFault(const UsbTransfer &transfer, const UsbClaims &claims,
                                              UsbSessionId session) {
    const std::optional<uint64_t> num_bytes = BufferBytes(transfer);
    if (!num_bytes) {
        return UsbStatus::kInvalidArgument;
    }
    if (transfer.type == UsbTransferType::kControl) {
        return FindControlFault(transfer, *num_bytes);
    }
    const UsbClaims::OpenEndpoint &endpoint = claims.Find(transfer.endpoint);
    if (endpoint.descriptor == nullptr || endpoint.holder != session ||
        endpoint.descriptor->address != transfer.endpoint) {
        return UsbStatus::kNotOpen;
    }
    const bool has_streams = endpoint.num_streams != 0;
    if (transfer.type != endpoint.descriptor->type || transfer.stream > endpoint.num_streams ||
        (transfer.stream != 0) != has_streams ||
        (transfer.type == UsbTransferType::kIsochronous && !FramesFit(transfer, *num_bytes))) {
        return UsbStatus::kInvalidArgument;
    }
    return std::nullopt;
}

UsbOutcome SettleUsbOutcome(UsbTransfer &transfer, const UsbOutcome &outcome,
                            std::optional<UsbStatus> reason) {
    UsbOutcome settled = outcome;
    if (reason == UsbStatus::kRemoved ? outcome.status != UsbStatus::kSuccess
                                      : reason && outcome.status == UsbStatus::kAborted) {
        settled.status = *reason;
    }
    if (transfer.type == UsbTransferType::kIsochronous) {
        return SettleFrames(transfer, settled);
    }
    const uint64_t num_requested =
        transfer.type == UsbTransferType::kControl ? transfer.setup.length : transfer.num_bytes();
    if (settled.num_bytes > num_requested) {
        settled.num_bytes = num_requested;
        settled.status =
            settled.status == UsbStatus::kSuccess ? UsbStatus::kBabble : settled.status;
    }
    return settled;
}

}  // namespace opendext::backends
