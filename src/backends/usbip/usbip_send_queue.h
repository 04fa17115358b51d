// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/uio.h>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <expected>
#include <vector>

#include "base/system_error.h"

namespace opendext::backends {

/// One message of USB/IP on its way out: what is owned, and in the middle the transfer's own memory.
struct UsbipMessage {
    uint32_t seqnum = 0;
    std::vector<std::byte> head;
    std::vector<iovec> data;      ///< Read until the message is sent or withdrawn.
    std::vector<std::byte> tail;  ///< Isochronous packets.
};

/// Messages that a socket has not taken yet. Sending never waits; memory of a transfer that ends meanwhile is not
/// touched any more. Finding one of them takes logarithmic time. One thread at a time.
class UsbipSendQueue {
public:
    /// Numbers ascend, and go on behind the last one from 1; none is 0.
    void Push(UsbipMessage message) { messages_.push_back(std::move(message)); }

    /// Sends what the socket takes without waiting. @return an error when the connection is broken.
    [[nodiscard]] std::expected<void, SystemError> Flush(int socket);

    [[nodiscard]] bool IsEmpty() const { return messages_.empty(); }

    /// Whether a message, or the rest of it, is still here.
    [[nodiscard]] bool Holds(uint32_t seqnum) const;

    /// The end of a message's transfer: from now on its data is not read. A message that was begun is completed from a
    /// copy, since the peer counts bytes. @return true when the peer gets, or has got, the message; false when it was
    /// dropped.
    bool Withdraw(uint32_t seqnum);

private:
    using Messages = std::deque<UsbipMessage>;

    /// @return the end when it is not here.
    [[nodiscard]] Messages::const_iterator Find(uint32_t seqnum) const;
    [[nodiscard]] std::vector<iovec> Gather() const;
    void Advance(size_t num_bytes);

    Messages messages_;
    size_t sent_ = 0;  // bytes of the first message
};

}  // namespace opendext::backends
