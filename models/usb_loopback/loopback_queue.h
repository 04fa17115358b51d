// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "backends/emulated/usb_device_model.h"
#include "models/piece_cursor.h"

namespace opendext::models::usb_loopback {

/// Brings what the host writes back to the host, in order and with the ends of its transfers: a read ends, short, where a
/// write ended. Bytes go from one to the other without a stop when a read waits; else writes that fit are kept, and the
/// others wait. All with the model's mutex held.
class LoopbackQueue {
public:
    /// Borrows `port`. `capacity`: bytes that are kept of writes that have been completed.
    LoopbackQueue(backends::UsbDevicePort &port, size_t capacity)
        : port_(port), capacity_(capacity) {}

    void Write(const backends::UsbModelRequest &request);
    void Read(const backends::UsbModelRequest &request);

    /// The request is gone. Not here: ignored.
    void Cancel(backends::UsbRequestId request);

    /// Forgets requests of a direction, which have ended.
    void ForgetWrites() { writes_.clear(); }
    void ForgetReads() { reads_.clear(); }

    void CountAnew() { num_bytes_ = 0; }

    /// Bytes that have gone back since.
    [[nodiscard]] uint64_t num_bytes() const { return num_bytes_; }

private:
    struct Waiting {
        backends::UsbModelRequest request;
        PieceCursor at;
        uint64_t num_moved = 0;
    };
    struct Message {
        std::vector<std::byte> bytes;
        size_t offset = 0;
    };

    void Move();
    [[nodiscard]] bool MoveToFirstRead();
    void KeepWritesThatFit();

    backends::UsbDevicePort &port_;
    const size_t capacity_;
    size_t num_kept_ = 0;
    std::deque<Message> kept_;  // before writes_
    std::deque<Waiting> writes_;
    std::deque<Waiting> reads_;
    uint64_t num_bytes_ = 0;
};

}  // namespace opendext::models::usb_loopback
