// SPDX-License-Identifier: Apache-2.0
#include "channel/transport/process_sockets.h"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cerrno>
#include <csignal>
#include <utility>

#include <fcntl.h>
#include <gtest/gtest.h>

#include "channel/transport/bus_peer.h"

namespace opendext::channel {
namespace {

/// A child process that only waits; killed at the end.
class IdleChild {
public:
    IdleChild() : pid_(fork()) {
        if (pid_ == 0) {
            for (;;) {
                pause();
            }
        }
    }
    ~IdleChild() {
        kill(pid_, SIGKILL);
        waitpid(pid_, nullptr, 0);
    }
    IdleChild(const IdleChild &) = delete;
    IdleChild &operator=(const IdleChild &) = delete;

private:
    const pid_t pid_;
};

bool HangsUp(int socket) {
    pollfd wanted = {.fd = socket, .events = POLLRDHUP, .revents = 0};
    return poll(&wanted, 1, 30'000) == 1 && (wanted.revents & (POLLHUP | POLLRDHUP)) != 0;
}

TEST(ProcessSocketsTest, ForkedChild_DoesNotKeepAConnectionOpen) {
    auto bus_thread = *BusThread::Start("bus");
    auto sockets = *MakeBusSocketPair();
    auto peer = *BusPeer::Attach(*bus_thread, std::move(sockets.first), BusSide::kClient, nullptr,
                                 [](BusPeer &) {});
    const IdleChild child;
    peer.reset();
    EXPECT_TRUE(HangsUp(sockets.second.get()));
}

TEST(ProcessSocketsTest, NumberThatStandsForAnotherFile_StaysOpenInTheChild) {
    auto sockets = *MakeBusSocketPair();
    const int number = sockets.first.get();
    ProcessSockets::Add(number);
    ASSERT_EQ(dup2(sockets.second.get(), number), number);
    const pid_t child = fork();
    if (child == 0) {
        _exit(fcntl(number, F_GETFD) < 0 ? errno : 0);
    }
    int status = -1;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
    ProcessSockets::Remove(number);
}

}  // namespace
}  // namespace opendext::channel
