// SPDX-License-Identifier: Apache-2.0
#include "backends/usbip/usbip_channel.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <iterator>
#include <system_error>
#include <utility>

#include "base/blocked_signals.h"

namespace opendext::backends {

namespace {

// Received in one go, with the lock held: Start and Cancel wait for that long.
constexpr int kMaxReceivesPerTurn = 16;
constexpr size_t kMaxPieces = 256;

}  // namespace

std::expected<std::unique_ptr<UsbipChannel>, SystemError> UsbipChannel::Create(UniqueFd socket,
                                                                               uint32_t device_id,
                                                                               Listener &listener) {
    UniqueFd wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!wake) {
        return std::unexpected(SystemError::FromErrno("eventfd"));
    }
    std::unique_ptr<UsbipChannel> channel(
        new UsbipChannel(std::move(socket), std::move(wake), device_id, listener));
    try {
        const BlockedSignals blocked;
        channel->thread_ = std::thread([raw = channel.get()] { raw->Serve(); });
    } catch (const std::system_error &error) {
        return std::unexpected(SystemError{"pthread_create", error.code().value()});
    }
    return channel;
}

UsbipChannel::UsbipChannel(UniqueFd socket, UniqueFd wake, uint32_t device_id, Listener &listener)
    : socket_(std::move(socket)),
      wake_(std::move(wake)),
      listener_(listener),
      urbs_(device_id, queue_),
      reader_(urbs_) {}

void UsbipChannel::Start(UsbTransfer &transfer, const UsbipTiming &timing) {
    std::vector<UsbipEndedTransfer> ended;
    {
        const std::lock_guard lock(mutex_);
        if (is_closed_ || is_closing_) {
            ended.push_back({&transfer, {.status = UsbStatus::kRemoved}});
        } else {
            urbs_.Start(transfer, timing);
            FlushLocked();
            ended = urbs_.TakeEnded();
        }
    }
    Report(ended);
}

void UsbipChannel::Cancel(UsbTransfer &transfer) {
    std::vector<UsbipEndedTransfer> ended;
    {
        const std::lock_guard lock(mutex_);
        for (const uint32_t seqnum : urbs_.Cancel(transfer)) {
            reader_.Discard(seqnum);
        }
        FlushLocked();
        ended = urbs_.TakeEnded();
    }
    Report(ended);
}

void UsbipChannel::Close() {
    {
        const std::lock_guard lock(mutex_);
        is_closing_ = true;
    }
    Wake();
    if (thread_.joinable()) {
        thread_.join();
    }
}

void UsbipChannel::FlushLocked() {
    if (const auto flushed = queue_.Flush(socket_.get()); !flushed && broken_.empty()) {
        broken_ = flushed.error().ToString();
    }
    if (urbs_.failure() && broken_.empty()) {
        broken_ = *urbs_.failure();
    }
    if (!queue_.IsEmpty() || !broken_.empty()) {
        Wake();
    }
}

void UsbipChannel::Wake() const {
    (void)eventfd_write(wake_.get(), 1);
}

void UsbipChannel::Report(const std::vector<UsbipEndedTransfer> &ended) {
    for (const UsbipEndedTransfer &each : ended) {
        listener_.OnTransferDone(*each.transfer, each.outcome);
    }
}

void UsbipChannel::Serve() {
    const std::string why = ServeUntilClosed();
    shutdown(socket_.get(), SHUT_RDWR);
    std::vector<UsbipEndedTransfer> ended;
    bool is_wanted = false;
    {
        const std::lock_guard lock(mutex_);
        is_wanted = is_closing_;
        is_closed_ = true;
        urbs_.EndAll(UsbStatus::kRemoved);
        ended = urbs_.TakeEnded();
    }
    Report(ended);
    if (!is_wanted) {
        listener_.OnClosed(why);
    }
}

std::string UsbipChannel::ServeUntilClosed() {
    for (;;) {
        bool wants_to_send = false;
        {
            const std::lock_guard lock(mutex_);
            if (is_closing_ || !broken_.empty()) {
                return broken_;
            }
            wants_to_send = !queue_.IsEmpty();
        }
        const short events = wants_to_send ? POLLIN | POLLOUT : POLLIN;
        pollfd wanted[] = {{.fd = socket_.get(), .events = events, .revents = 0},
                           {.fd = wake_.get(), .events = POLLIN, .revents = 0}};
        if (poll(wanted, std::size(wanted), -1) < 0) {
            continue;
        }
        eventfd_t ignored = 0;
        (void)eventfd_read(wake_.get(), &ignored);
        if (auto done = Transmit(wanted[0].revents); !done) {
            return std::move(done.error());
        }
    }
}

std::expected<void, std::string> UsbipChannel::Transmit(short events) {
    std::vector<UsbipEndedTransfer> ended;
    std::expected<void, std::string> outcome;
    {
        const std::lock_guard lock(mutex_);
        for (int i = 0; events != 0 && i < kMaxReceivesPerTurn; ++i) {
            const auto received = Receive();
            if (!received) {
                outcome = std::unexpected(received.error());
            }
            if (!received || !*received) {
                break;
            }
        }
        FlushLocked();
        ended = urbs_.TakeEnded();
    }
    Report(ended);
    return outcome;
}

// @return false when nothing was there.
std::expected<bool, std::string> UsbipChannel::Receive() {
    const auto room = reader_.Room();
    const msghdr header = {.msg_iov = const_cast<iovec *>(room.data()),
                           .msg_iovlen = std::min(room.size(), kMaxPieces)};
    msghdr filled = header;
    const ssize_t num_bytes = recvmsg(socket_.get(), &filled, MSG_DONTWAIT);
    if (num_bytes == 0) {
        return std::unexpected("the server has closed the connection");
    }
    if (num_bytes > 0) {
        if (auto taken = reader_.Advance(static_cast<size_t>(num_bytes)); !taken) {
            return std::unexpected("the server is broken: " + taken.error());
        }
        return true;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
        return false;
    }
    return std::unexpected(SystemError::FromErrno("recvmsg").ToString());
}

}  // namespace opendext::backends
