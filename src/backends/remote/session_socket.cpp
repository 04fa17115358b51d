// SPDX-License-Identifier: Apache-2.0
#include "backends/remote/session_socket.h"

#include <poll.h>
#include <sys/socket.h>
#include <algorithm>
#include <cerrno>
#include <utility>

namespace opendext::backends {

std::expected<UsbSessionSockets, SystemError> CreateUsbSessionSockets() {
    std::array<int, 2> ends = {-1, -1};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
        return std::unexpected(SystemError::FromErrno("socketpair"));
    }
    return UsbSessionSockets{.client = UniqueFd(ends[0]), .server = UniqueFd(ends[1])};
}

namespace remote {

namespace {

/// Room for more descriptors than a message may have, so that a surplus is seen and closed.
constexpr size_t kMostReceivedFds = 4;

int SocketOption(int socket, int option) {
    int value = -1;
    socklen_t num_bytes = sizeof(value);
    return getsockopt(socket, SOL_SOCKET, option, &value, &num_bytes) == 0 ? value : -1;
}

/// Takes the descriptors of a message. @return the only one; none when there were several.
UniqueFd TakeOnlyFd(msghdr &header) {
    UniqueFd only;
    size_t num_fds = 0;
    for (cmsghdr *each = CMSG_FIRSTHDR(&header); each != nullptr;
         each = CMSG_NXTHDR(&header, each)) {
        if (each->cmsg_level != SOL_SOCKET || each->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        const size_t num_here = (each->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < num_here; ++i, ++num_fds) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(each) + i * sizeof(int), sizeof(int));
            only.Reset(fd);
        }
    }
    return num_fds == 1 ? std::move(only) : UniqueFd();
}

}  // namespace

BackendResult<SessionSocket> SessionSocket::Adopt(UniqueFd socket) {
    if (SocketOption(socket.get(), SO_DOMAIN) != AF_UNIX ||
        SocketOption(socket.get(), SO_TYPE) != SOCK_SEQPACKET) {
        return Refuse(BackendErrorCode::kInvalidArgument,
                      "a USB session needs a Unix socket of type SOCK_SEQPACKET, as "
                      "CreateUsbSessionSockets makes them");
    }
    return SessionSocket(std::move(socket));
}

bool SessionSocket::SendBytes(std::span<const std::byte> bytes, int fd) const {
    iovec data = {.iov_base = const_cast<std::byte *>(bytes.data()), .iov_len = bytes.size()};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control = {};
    msghdr header = {};
    header.msg_iov = &data;
    header.msg_iovlen = 1;
    if (fd >= 0) {
        header.msg_control = control.data();
        header.msg_controllen = control.size();
        cmsghdr *const rights = CMSG_FIRSTHDR(&header);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(sizeof(int));
        std::memcpy(CMSG_DATA(rights), &fd, sizeof(int));
    }
    ssize_t sent = 0;
    do {
        sent = sendmsg(socket_.get(), &header, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return std::cmp_equal(sent, bytes.size());
}

bool SessionSocket::WaitForRoom(std::chrono::milliseconds patience) const {
    pollfd poll_fd = {.fd = socket_.get(), .events = POLLOUT, .revents = 0};
    return poll(&poll_fd, 1, static_cast<int>(patience.count())) == 1 &&
           (poll_fd.revents & POLLOUT) != 0;
}

SessionSocket::Receipt SessionSocket::Receive(IncomingMessage &message) const {
    iovec data = {.iov_base = message.bytes.data(), .iov_len = message.bytes.size()};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(kMostReceivedFds * sizeof(int))> control;
    msghdr header = {};
    header.msg_iov = &data;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    ssize_t received = 0;
    do {
        received = recvmsg(socket_.get(), &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    } while (received < 0 && errno == EINTR);
    if (received < 0) {
        const bool is_empty = errno == EAGAIN || errno == EWOULDBLOCK;
        return is_empty ? Receipt::kNothing : Receipt::kEnded;
    }
    UniqueFd fd = TakeOnlyFd(header);
    message.is_cut = (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
    message.fd = message.is_cut ? UniqueFd() : std::move(fd);
    message.num_bytes = static_cast<size_t>(received);
    // An empty message cannot be told from the end; none of ours is.
    return received == 0 ? Receipt::kEnded : Receipt::kMessage;
}

void SessionSocket::WaitForInput(
    std::optional<std::chrono::steady_clock::time_point> deadline) const {
    using std::chrono::milliseconds;
    int timeout_ms = -1;
    if (deadline) {
        const auto left = *deadline - std::chrono::steady_clock::now();
        timeout_ms = static_cast<int>(
            std::clamp<int64_t>(std::chrono::ceil<milliseconds>(left).count(), 0, 1'000'000));
    }
    pollfd poll_fd = {.fd = socket_.get(), .events = POLLIN, .revents = 0};
    (void)poll(&poll_fd, 1, timeout_ms);
}

void SessionSocket::EndSending() const {
    (void)shutdown(socket_.get(), SHUT_WR);
}

void SessionSocket::End() const {
    (void)shutdown(socket_.get(), SHUT_RDWR);
}

}  // namespace remote
}  // namespace opendext::backends
