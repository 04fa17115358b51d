// SPDX-License-Identifier: Apache-2.0
#include "backends/usbip/usbip_send_queue.h"

#include <sys/socket.h>
#include <algorithm>
#include <cerrno>
#include <span>

namespace opendext::backends {

namespace {

constexpr size_t kMaxPieces = 64;

std::span<const std::byte> BytesOf(const iovec &piece) {
    return {static_cast<const std::byte *>(piece.iov_base), piece.iov_len};
}

// Calls `visit` with each run of bytes of the message, in order, until it returns false.
template <typename Visit>
void ForEachRun(const UsbipMessage &message, Visit visit) {
    if (!visit(std::span<const std::byte>(message.head))) {
        return;
    }
    for (const iovec &piece : message.data) {
        if (!visit(BytesOf(piece))) {
            return;
        }
    }
    visit(std::span<const std::byte>(message.tail));
}

size_t SizeOf(const UsbipMessage &message) {
    size_t sum = 0;
    ForEachRun(message, [&sum](std::span<const std::byte> run) {
        sum += run.size();
        return true;
    });
    return sum;
}

}  // namespace

std::expected<void, SystemError> UsbipSendQueue::Flush(int socket) {
    while (!messages_.empty()) {
        std::vector<iovec> pieces = Gather();
        const msghdr header = {.msg_iov = pieces.data(), .msg_iovlen = pieces.size()};
        const ssize_t num_bytes = sendmsg(socket, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (num_bytes >= 0) {
            Advance(static_cast<size_t>(num_bytes));
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            break;
        } else if (errno != EINTR) {
            return std::unexpected(SystemError::FromErrno("sendmsg"));
        }
    }
    return {};
}

bool UsbipSendQueue::Holds(uint32_t seqnum) const {
    return Find(seqnum) != messages_.end();
}

UsbipSendQueue::Messages::const_iterator UsbipSendQueue::Find(uint32_t seqnum) const {
    // The rest of one that was withdrawn has no number.
    const auto first = std::ranges::find_if(
        messages_, [](const UsbipMessage &message) { return message.seqnum != 0; });
    if (first == messages_.end()) {
        return first;
    }
    const auto place_of = [base = first->seqnum](uint32_t number) { return number - base; };
    const auto found = std::ranges::lower_bound(
        first, messages_.end(), place_of(seqnum), {},
        [&](const UsbipMessage &message) { return place_of(message.seqnum); });
    return found != messages_.end() && found->seqnum == seqnum ? found : messages_.end();
}

bool UsbipSendQueue::Withdraw(uint32_t seqnum) {
    const auto found = Find(seqnum);
    if (found == messages_.end()) {
        return true;
    }
    if (found != messages_.begin() || sent_ == 0) {
        messages_.erase(found);
        return false;
    }
    std::vector<std::byte> rest;
    size_t skip = sent_;
    ForEachRun(*found, [&](std::span<const std::byte> run) {
        const size_t skipped = std::min(skip, run.size());
        skip -= skipped;
        rest.insert(rest.end(), run.begin() + static_cast<ptrdiff_t>(skipped), run.end());
        return true;
    });
    // Without its number: it must not be taken for one that was not begun.
    messages_.front() = {.head = std::move(rest)};
    sent_ = 0;
    return true;
}

std::vector<iovec> UsbipSendQueue::Gather() const {
    std::vector<iovec> pieces;
    size_t skip = sent_;
    for (auto message = messages_.begin(); message != messages_.end() && pieces.size() < kMaxPieces;
         ++message) {
        ForEachRun(*message, [&](std::span<const std::byte> run) {
            const size_t skipped = std::min(skip, run.size());
            skip -= skipped;
            const auto rest = run.subspan(skipped);
            if (!rest.empty()) {
                pieces.push_back({const_cast<std::byte *>(rest.data()), rest.size()});
            }
            return pieces.size() < kMaxPieces;
        });
    }
    return pieces;
}

void UsbipSendQueue::Advance(size_t num_bytes) {
    sent_ += num_bytes;
    while (!messages_.empty()) {
        const size_t size = SizeOf(messages_.front());
        if (sent_ < size) {
            return;
        }
        sent_ -= size;
        messages_.pop_front();
    }
}

}  // namespace opendext::backends
