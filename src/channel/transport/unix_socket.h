// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <functional>
#include <memory>
#include <string>

#include "base/unique_fd.h"
#include "channel/transport/bus_thread.h"

struct sd_event_source;

namespace opendext::channel {

/// Connects to a Unix stream socket. @return the errno text.
[[nodiscard]] std::expected<UniqueFd, std::string> ConnectUnixSocket(const std::string &path);

/// A listening Unix stream socket on a BusThread. It replaces a dead socket file at its path and removes its
/// own when destroyed. Any thread may make and destroy it.
class UnixListener {
public:
    /// `on_accepted` runs on the bus thread for each new connection. @return the errno text.
    [[nodiscard]] static std::expected<std::unique_ptr<UnixListener>, std::string> Listen(
        BusThread &bus_thread, const std::string &path, std::function<void(UniqueFd)> on_accepted);

    ~UnixListener();
    UnixListener(const UnixListener &) = delete;
    UnixListener &operator=(const UnixListener &) = delete;

private:
    UnixListener(BusThread &bus_thread, std::string path, UniqueFd socket,
                 std::function<void(UniqueFd)> on_accepted);
    static int OnReadable(sd_event_source *source, int fd, uint32_t events, void *userdata);

    void RetryLater();

    BusThread &bus_thread_;
    const std::string path_;
    const UniqueFd socket_;
    const std::function<void(UniqueFd)> on_accepted_;
    sd_event_source *source_ = nullptr;
    uint64_t retry_timer_ = 0;  // used on the bus thread only
};

}  // namespace opendext::channel
