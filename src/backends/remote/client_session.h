// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>

#include "backends/api/usb_backend.h"
#include "backends/remote/client_requests.h"
#include "backends/remote/session_ring.h"
#include "backends/remote/session_socket.h"
#include "backends/remote/session_wire.h"
#include "base/shared_region.h"
#include "base/spin_budget.h"

namespace opendext::backends::remote {

/// The client's end of a session after the handshake: requests go, completions come. RemoteUsbBackend holds it, and so
/// does its reaper, the thread that takes completions when nobody polls for them and notices the end of the server.
/// Nothing that the server writes is believed; one that breaks the protocol is treated as gone. Any thread.
///
/// Taking completions is a role, consumer_: whoever has it takes those that are there, in order, whoever they are for.
/// OnComplete runs in the role, so that it can submit and abort, and not wait for an operation. Transfers are destroyed,
/// and the listener is called, without it: the last reference to a session may go with them.
class ClientSession : public std::enable_shared_from_this<ClientSession> {
public:
    /// `memory` is mapped, and holds a SessionMemory of zeros.
    ClientSession(std::shared_ptr<const SessionSocket> socket, std::shared_ptr<SharedRegion> memory,
                  bool is_present);

    /// Starts the reaper. Once, before anything else. @return kNoResources; then nothing else may be called.
    [[nodiscard]] BackendResult<void> Start();

    /// Ends the session: what is under way ends with kAborted. Waits for the end of it all, unless it is called by
    /// OnComplete. A server that does not end the session soon is cut off. Once, last.
    void Close();

    void Submit(std::unique_ptr<UsbTransfer> transfer);
    void SubmitAndPoll(std::unique_ptr<UsbTransfer> transfer, const std::atomic<uint32_t> &word,
                       uint32_t expected);
    void Abort(UsbEndpointAddress endpoint, uint16_t stream);
    void SetRemovalListener(RemovalListener *listener);
    [[nodiscard]] bool IsPresent() const { return is_present_.load(); }

    struct Answer {
        uint64_t value = 0;
        uint64_t mach_time = 0;
    };

    /// Has an operation carried out and waits for it. @return what it says, kRemoved, kNoResources; kBusy from OnComplete,
    /// and from a transfer's end where nobody else would take the completion.
    [[nodiscard]] BackendResult<Answer> Run(const OperationEntry &entry);

    /// Hands a descriptor over, to be named by an operation. @return its id; 0: the server does not receive.
    [[nodiscard]] uint64_t SendSocket(const UniqueFd &fd);

private:
    using Ended = ClientRequests::Ended;
    using EndedTransfers = std::array<std::unique_ptr<UsbTransfer>, 16>;

    void Reap();
    [[nodiscard]] bool SleepUntilInput();
    [[nodiscard]] bool TakeMessages();
    void WakeServer();
    void Consume();
    /// Takes some of the completions, and gives up the role.
    void ConsumeAndLetGo(std::unique_lock<std::mutex> role);
    [[nodiscard]] bool IsConsumer() const {
        return consumer_thread_.load(std::memory_order_relaxed) == std::this_thread::get_id();
    }
    /// Moves a transfer that has ended to `transfer`. @return false when no honest server sends it.
    [[nodiscard]] bool Deliver(const CompletionEntry &completion,
                               std::unique_ptr<UsbTransfer> &transfer);
    static void Finish(const Ended &ended);
    void Poll(uint16_t slot, const std::atomic<uint32_t> &word, uint32_t expected);
    void Break();
    /// Ends the socket, which the reaper sees.
    void CutOff();
    void EndEverything();
    void TellRemoval();

    const std::shared_ptr<const SessionSocket> socket_;
    const std::shared_ptr<SharedRegion> region_;
    SessionMemory &memory_;
    OutgoingMemory outgoing_;
    ClientRequests requests_;
    SpinBudget poll_spin_;
    SpinBudget reaper_spin_;
    std::atomic<uint32_t> num_pollers_ = 0;
    std::atomic<bool> is_present_;
    std::atomic<bool> is_broken_ = false;  ///< The server broke the protocol.
    std::atomic<uint64_t> last_socket_id_ = 0;

    std::mutex
        consumer_;  // held while completions are taken and delivered; requests are made without it
    std::atomic<std::thread::id> consumer_thread_;              ///< Who has the role.
    RingReader<CompletionEntry, kNumCompletions> completions_;  // Take: guarded by consumer_
    bool has_said_removed_ = false;                             // guarded by consumer_

    /// Held while the listener is called, as its contract says. A listener may end the session.
    std::recursive_mutex listener_mutex_;
    RemovalListener *listener_ = nullptr;  // guarded by listener_mutex_
    bool is_removal_told_ = false;         // guarded by listener_mutex_

    bool is_busy_ = false;  // The last sleep ended with a completion. The reaper's.
    std::thread reaper_;
    std::atomic<std::thread::id> reaper_id_;
    std::atomic<uint32_t> is_over_ = 0;  ///< 1: the reaper has ended everything. A futex.
};

}  // namespace opendext::backends::remote
