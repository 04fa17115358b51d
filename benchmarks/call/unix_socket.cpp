// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/call/unix_socket.h"

#include <sys/socket.h>
#include <unistd.h>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include <fmt/format.h>

#include "base/unique_fd.h"
#include "benchmarks/child_process.h"

namespace opendext::bench {

namespace {

using Message = std::array<std::byte, 64>;

// A message this small is not split.
bool Send(int fd, const Message &message) {
    return write(fd, message.data(), message.size()) == sizeof(Message);
}
bool Receive(int fd, Message &message) {
    return read(fd, message.data(), message.size()) == sizeof(Message);
}

}  // namespace

std::expected<void, std::string> MeasureUnixSocket(size_t num_busy, Samples &busy, size_t num_idle,
                                                   Samples &idle) {
    int ends[2] = {-1, -1};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
        return std::unexpected(fmt::format("socketpair: {}", std::strerror(errno)));
    }
    const UniqueFd ours(ends[0]);
    UniqueFd theirs(ends[1]);
    const auto child = ChildProcess::Fork(SIGKILL, [&] {
        Message message = {};
        while (Receive(theirs.get(), message) && Send(theirs.get(), message)) {}
        return 0;
    });
    if (!child) {
        return std::unexpected(child.error());
    }
    theirs.Reset();
    Message message = {};
    const auto round_trip = [&] {
        return Send(ours.get(), message) && Receive(ours.get(), message);
    };
    if (!WarmUp(round_trip) || !busy.TimeEach(num_busy, round_trip) ||
        !idle.TimeEachAfter(kIdle, num_idle, round_trip)) {
        return std::unexpected(fmt::format("Unix socket: {}", std::strerror(errno)));
    }
    return {};
}

}  // namespace opendext::bench
