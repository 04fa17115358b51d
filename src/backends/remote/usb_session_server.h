// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <thread>

#include "backends/api/usb_backend.h"
#include "backends/remote/session_socket.h"
#include "base/unique_fd.h"

namespace opendext::backends {

namespace remote {
class ServedSession;
}

/// Serves sessions with devices of this process to RemoteUsbBackends in others. Each session has a thread that takes
/// the client's requests, and from the first call that may wait for the device on one that makes such calls, so that
/// neither holds up the other, or another session. Nothing that a client says is believed; one that breaks the protocol
/// loses its session. Its memory is reached where it named it for a transfer, and nowhere else.
///
/// When a client is gone or lets go, its session is destroyed, which aborts its transfers and ends its claims.
///
/// Each region that a client uses costs a descriptor here: the process should have called RaiseDescriptorLimit. Any thread.
class UsbSessionServer {
public:
    /// At a time, with those that clients open by NewSession.
    static constexpr size_t kMostSessions = 256;
    /// That a client opens by NewSession, and those by theirs, beside the one that was served to it.
    static constexpr size_t kMostOpened = 32;

    UsbSessionServer() = default;
    /// Ends all sessions and waits for that. Not to be called from `on_end`.
    ~UsbSessionServer();
    UsbSessionServer(const UsbSessionServer &) = delete;
    UsbSessionServer &operator=(const UsbSessionServer &) = delete;

    /// Serves `session` to who has the other end of `socket` (CreateUsbSessionSockets), and returns. `on_end`, which may be
    /// empty, is called once when the session has been destroyed, on a thread of the server.
    /// @return kInvalidArgument (not such a socket), kNoResources (kMostSessions, or no thread). Then `on_end` is not
    /// called, and the client finds nobody.
    [[nodiscard]] BackendResult<void> Serve(UniqueFd socket, std::shared_ptr<UsbBackend> session,
                                            std::function<void()> on_end = {});

    /// With those whose `on_end` has not returned.
    [[nodiscard]] size_t num_sessions() const;

private:
    /// How many sessions a client has opened.
    using NumOpened = std::shared_ptr<std::atomic<size_t>>;
    struct Running {
        std::shared_ptr<remote::ServedSession> session;  ///< NULL when it has ended.
        std::function<void()> on_end;
        NumOpened num_opened;
        std::thread thread;
    };
    using Sessions = std::list<Running>;

    [[nodiscard]] BackendResult<void> Start(Running running, remote::SessionSocket socket,
                                            std::shared_ptr<UsbBackend> session);
    [[nodiscard]] BackendResult<void> Open(const NumOpened &num_opened, UniqueFd socket,
                                           std::shared_ptr<UsbBackend> session);
    void Run(Sessions::iterator running);
    void JoinEnded();

    mutable std::mutex mutex_;
    std::condition_variable session_ended_;
    Sessions running_;        // guarded by mutex_
    Sessions ended_;          // guarded by mutex_; their threads are about to end
    bool is_ending_ = false;  // guarded by mutex_
};

}  // namespace opendext::backends
