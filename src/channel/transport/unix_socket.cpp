// SPDX-License-Identifier: Apache-2.0
#include "channel/transport/unix_socket.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include <systemd/sd-event.h>

namespace opendext::channel {

namespace {

/// How long a connection waits when no descriptor is left for it.
constexpr std::chrono::milliseconds kRetryDelay{100};

std::expected<sockaddr_un, std::string> AddressOf(const std::string &path) {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof(address.sun_path)) {
        return std::unexpected(path.empty() ? "the path is empty"
                                            : "the path has more than 107 bytes");
    }
    std::memcpy(address.sun_path, path.data(), path.size());
    return address;
}

std::unexpected<std::string> Failure(const char *call) {
    return std::unexpected(SystemError::FromErrno(call).ToString());
}

}  // namespace

std::expected<UniqueFd, std::string> ConnectUnixSocket(const std::string &path) {
    const auto address = AddressOf(path);
    if (!address) {
        return std::unexpected(address.error());
    }
    UniqueFd socket_fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!socket_fd.is_valid()) {
        return Failure("socket");
    }
    if (connect(socket_fd.get(), reinterpret_cast<const sockaddr *>(&*address), sizeof(*address)) !=
        0) {
        return Failure("connect");
    }
    return socket_fd;
}

UnixListener::UnixListener(BusThread &bus_thread, std::string path, UniqueFd socket,
                           std::function<void(UniqueFd)> on_accepted)
    : bus_thread_(bus_thread),
      path_(std::move(path)),
      socket_(std::move(socket)),
      on_accepted_(std::move(on_accepted)) {}

std::expected<std::unique_ptr<UnixListener>, std::string> UnixListener::Listen(
    BusThread &bus_thread, const std::string &path, std::function<void(UniqueFd)> on_accepted) {
    const auto address = AddressOf(path);
    if (!address) {
        return std::unexpected(address.error());
    }
    if (ConnectUnixSocket(path)) {
        return std::unexpected("another process listens there");
    }
    unlink(path.c_str());
    UniqueFd socket_fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket_fd.is_valid()) {
        return Failure("socket");
    }
    if (bind(socket_fd.get(), reinterpret_cast<const sockaddr *>(&*address), sizeof(*address)) !=
        0) {
        return Failure("bind");
    }
    std::unique_ptr<UnixListener> listener(
        new UnixListener(bus_thread, path, std::move(socket_fd), std::move(on_accepted)));
    if (listen(listener->socket_.get(), SOMAXCONN) != 0) {
        return Failure("listen");
    }
    int result = 0;
    bus_thread.RunAndWait([&] {
        result = sd_event_add_io(bus_thread.event(), &listener->source_, listener->socket_.get(),
                                 EPOLLIN, &OnReadable, listener.get());
    });
    if (result < 0) {
        errno = -result;
        return Failure("sd_event_add_io");
    }
    return listener;
}

UnixListener::~UnixListener() {
    bus_thread_.RunAndWait([this] {
        bus_thread_.Cancel(retry_timer_);
        sd_event_source_disable_unref(source_);
    });
    unlink(path_.c_str());
}

int UnixListener::OnReadable(sd_event_source *, int fd, uint32_t, void *userdata) {
    auto *self = static_cast<UnixListener *>(userdata);
    UniqueFd accepted(accept4(fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (accepted.is_valid()) {
        self->on_accepted_(std::move(accepted));
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
        self->RetryLater();
    }
    return 0;
}

void UnixListener::RetryLater() {
    // The connection goes on waiting and the socket stays readable: asking again at once would spin.
    sd_event_source_set_enabled(source_, SD_EVENT_OFF);
    retry_timer_ = bus_thread_.After(kRetryDelay, [this] {
        retry_timer_ = 0;
        sd_event_source_set_enabled(source_, SD_EVENT_ON);
    });
}

}  // namespace opendext::channel
