// SPDX-License-Identifier: Apache-2.0
#include "backends/remote/usb_session_server.h"

#include <iterator>
#include <system_error>
#include <utility>

#include "backends/remote/served_session.h"
#include "base/blocked_signals.h"

namespace opendext::backends {

UsbSessionServer::~UsbSessionServer() {
    {
        std::unique_lock lock(mutex_);
        is_ending_ = true;
        for (const Running &each : running_) {
            if (each.session != nullptr) {
                each.session->Stop();
            }
        }
        session_ended_.wait(lock, [this] { return running_.empty(); });
    }
    JoinEnded();
}

BackendResult<void> UsbSessionServer::Serve(UniqueFd socket, std::shared_ptr<UsbBackend> session,
                                            std::function<void()> on_end) {
    auto adopted = remote::SessionSocket::Adopt(std::move(socket));
    if (!adopted) {
        return std::unexpected(std::move(adopted.error()));
    }
    return Start({.session = {},
                  .on_end = std::move(on_end),
                  .num_opened = std::make_shared<std::atomic<size_t>>(0),
                  .thread = {}},
                 std::move(*adopted), std::move(session));
}

BackendResult<void> UsbSessionServer::Open(const NumOpened &num_opened, UniqueFd socket,
                                           std::shared_ptr<UsbBackend> session) {
    auto adopted = remote::SessionSocket::Adopt(std::move(socket));
    if (!adopted) {
        return std::unexpected(std::move(adopted.error()));
    }
    if (num_opened->fetch_add(1) >= kMostOpened) {
        num_opened->fetch_sub(1);
        return Refuse(BackendErrorCode::kNoResources,
                      "a driver has too many sessions with a USB device");
    }
    auto started = Start({.session = {},
                          .on_end = [num_opened] { num_opened->fetch_sub(1); },
                          .num_opened = num_opened,
                          .thread = {}},
                         std::move(*adopted), std::move(session));
    if (!started) {
        num_opened->fetch_sub(1);
    }
    return started;
}

BackendResult<void> UsbSessionServer::Start(Running running, remote::SessionSocket socket,
                                            std::shared_ptr<UsbBackend> session) {
    JoinEnded();
    Sessions failed;  // end after the lock
    const std::lock_guard lock(mutex_);
    if (is_ending_ || running_.size() >= kMostSessions) {
        return Refuse(BackendErrorCode::kNoResources, "too many sessions with a USB device");
    }
    running.session = std::make_shared<remote::ServedSession>(
        std::move(socket), std::move(session),
        [this, num_opened = running.num_opened](UniqueFd new_socket,
                                                std::shared_ptr<UsbBackend> new_session) {
            return Open(num_opened, std::move(new_socket), std::move(new_session));
        });
    const auto started = running_.insert(running_.end(), std::move(running));
    try {
        const BlockedSignals blocked;
        started->thread = std::thread([this, started] { Run(started); });
    } catch (const std::system_error &) {
        failed.splice(failed.end(), running_, started);
        return Refuse(BackendErrorCode::kNoResources, "no thread for a session with a USB device");
    }
    return {};
}

void UsbSessionServer::Run(Sessions::iterator running) {
    running->session->Run();
    JoinEnded();
    std::function<void()> on_end;
    {
        std::shared_ptr<remote::ServedSession> session;  // ends after the lock
        const std::lock_guard lock(mutex_);
        on_end = std::move(running->on_end);
        session = std::move(running->session);
    }
    if (on_end) {
        on_end();
    }
    const std::lock_guard lock(mutex_);
    ended_.splice(ended_.end(), running_, running);
    session_ended_.notify_all();
}

void UsbSessionServer::JoinEnded() {
    Sessions ended;
    {
        const std::lock_guard lock(mutex_);
        ended.swap(ended_);
    }
    for (Running &each : ended) {
        each.thread.join();
    }
}

size_t UsbSessionServer::num_sessions() const {
    const std::lock_guard lock(mutex_);
    return running_.size();
}

}  // namespace opendext::backends
