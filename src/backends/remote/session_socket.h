// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <expected>
#include <optional>
#include <span>
#include <type_traits>

#include "backends/api/backend_error.h"
#include "base/system_error.h"
#include "base/unique_fd.h"

namespace opendext::backends {

/// The two ends of a socket for a USB session.
struct UsbSessionSockets {
    UniqueFd client;  ///< For RemoteUsbBackend::Connect, in the driver's process.
    UniqueFd server;  ///< For UsbSessionServer::Serve, in the device's process.
};

/// A new pair: SOCK_SEQPACKET, close-on-exec. @return what socketpair says.
[[nodiscard]] std::expected<UsbSessionSockets, SystemError> CreateUsbSessionSockets();

namespace remote {

/// What came over a session's socket.
struct IncomingMessage {
    std::array<std::byte, 64> bytes;
    size_t num_bytes = 0;
    UniqueFd fd;  ///< The one descriptor that came with it, or none.
    bool is_cut =
        false;  ///< Bytes or descriptors were lost: too many, or this process may open no more files.

    /// The message as a T. @return nullopt when it has another size.
    template <typename T>
    [[nodiscard]] std::optional<T> As() const {
        static_assert(std::is_trivially_copyable_v<T> && sizeof(T) < sizeof(bytes));
        if (num_bytes != sizeof(T)) {
            return std::nullopt;
        }
        T value;
        std::memcpy(&value, bytes.data(), sizeof(T));
        return value;
    }
};

/// One end of a session's socket. A message arrives whole, with its descriptor. Nothing waits but what says so. Sending
/// and ending: any thread; receiving: one thread at a time.
class SessionSocket {
public:
    enum class Receipt { kMessage, kNothing, kEnded };

    /// Takes a socket. @return kInvalidArgument when it is none of CreateUsbSessionSockets.
    [[nodiscard]] static BackendResult<SessionSocket> Adopt(UniqueFd socket);

    /// Sends a message with a descriptor, or with none (-1), which stays the caller's.
    /// @return false when it could not be sent now: the peer is gone, or does not receive.
    template <typename T>
    [[nodiscard]] bool Send(const T &message, int fd = -1) const {
        static_assert(std::is_trivially_copyable_v<T>);
        return SendBytes(std::as_bytes(std::span(&message, 1)), fd);
    }

    /// As Send, but waits for the peer to receive what has been sent before, for `patience` at most.
    template <typename T>
    [[nodiscard]] bool SendWithin(std::chrono::milliseconds patience, const T &message,
                                  int fd = -1) const {
        static_assert(std::is_trivially_copyable_v<T>);
        const auto bytes = std::as_bytes(std::span(&message, 1));
        return SendBytes(bytes, fd) || (WaitForRoom(patience) && SendBytes(bytes, fd));
    }

    /// The next message, if there is one.
    [[nodiscard]] Receipt Receive(IncomingMessage &message) const;

    /// Sleeps until there is something to receive, or the end, or the deadline.
    void WaitForInput(
        std::optional<std::chrono::steady_clock::time_point> deadline = std::nullopt) const;

    /// The peer receives what has been sent, and then the end; this side still receives.
    void EndSending() const;

    /// Both sides receive the end.
    void End() const;

private:
    explicit SessionSocket(UniqueFd socket) : socket_(std::move(socket)) {}
    [[nodiscard]] bool SendBytes(std::span<const std::byte> bytes, int fd) const;
    [[nodiscard]] bool WaitForRoom(std::chrono::milliseconds patience) const;

    UniqueFd socket_;
};

}  // namespace remote
}  // namespace opendext::backends
