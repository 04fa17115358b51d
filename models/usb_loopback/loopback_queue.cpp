// SPDX-License-Identifier: Apache-2.0
#include "models/usb_loopback/loopback_queue.h"

#include <algorithm>
#include <array>

namespace opendext::models::usb_loopback {

using backends::UsbModelRequest;
using backends::UsbRequestId;
using backends::UsbStatus;

void LoopbackQueue::Write(const UsbModelRequest &request) {
    writes_.push_back({.request = request, .at = PieceCursor(request.pieces)});
    Move();
}

void LoopbackQueue::Read(const UsbModelRequest &request) {
    reads_.push_back({.request = request, .at = PieceCursor(request.pieces)});
    Move();
}

void LoopbackQueue::Cancel(UsbRequestId request) {
    const auto is_it = [request](const Waiting &each) { return each.request.id == request; };
    std::erase_if(writes_, is_it);
    std::erase_if(reads_, is_it);
}

void LoopbackQueue::Move() {
    while (!reads_.empty() && MoveToFirstRead()) {}
    KeepWritesThatFit();
}

bool LoopbackQueue::MoveToFirstRead() {
    if (kept_.empty() && writes_.empty()) {
        return false;
    }
    Waiting &read = reads_.front();
    bool is_over = false;
    if (!kept_.empty()) {
        Message &message = kept_.front();
        const std::array pieces = {std::span(message.bytes).subspan(message.offset)};
        PieceCursor from(pieces);
        const uint64_t moved = CopyPieces(from, read.at);
        message.offset += moved;
        num_kept_ -= moved;
        read.num_moved += moved;
        is_over = from.AtEnd();
        if (is_over) {
            kept_.pop_front();
        }
    } else {
        Waiting &write = writes_.front();
        const uint64_t moved = CopyPieces(write.at, read.at);
        write.num_moved += moved;
        read.num_moved += moved;
        is_over = write.at.AtEnd();
        if (is_over) {
            port_.Complete(write.request.id, UsbStatus::kSuccess, write.num_moved);
            writes_.pop_front();
        }
    }
    if (is_over || read.at.AtEnd()) {
        num_bytes_ += read.num_moved;
        port_.Complete(read.request.id, UsbStatus::kSuccess, read.num_moved);
        reads_.pop_front();
    }
    return true;
}

void LoopbackQueue::KeepWritesThatFit() {
    while (!writes_.empty()) {
        Waiting &write = writes_.front();
        const uint64_t left = write.request.num_bytes - write.num_moved;
        if (left > capacity_ - num_kept_) {
            return;
        }
        Message &message = kept_.emplace_back();
        message.bytes.reserve(left);
        for (; !write.at.AtEnd();) {
            const std::span<std::byte> bytes = write.at.Peek(SIZE_MAX);
            message.bytes.insert(message.bytes.end(), bytes.begin(), bytes.end());
            write.at.Advance(bytes.size());
        }
        num_kept_ += left;
        port_.Complete(write.request.id, UsbStatus::kSuccess, write.request.num_bytes);
        writes_.pop_front();
    }
}

}  // namespace opendext::models::usb_loopback
