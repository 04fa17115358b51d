// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "backends/api/completion_batch.h"
#include "backends/api/removal_listener.h"
#include "backends/api/usb_backend.h"
#include "backends/remote/adopted_regions.h"
#include "backends/remote/session_ring.h"
#include "backends/remote/session_socket.h"
#include "backends/remote/session_wire.h"
#include "base/operation_thread.h"
#include "base/shared_region.h"
#include "base/spin_budget.h"

namespace opendext::backends::remote {

/// The server's end of one session, on a thread that UsbSessionServer gives it. Transfers that are under way keep it.
///
/// Taking what the client has submitted is a role, server_. The session's thread has it, or a thread that delivers
/// completions in a batch: it passes on what the client submits in return, so that while transfers end one after the
/// other nobody is woken for those that follow. The client is not told of each completion of a batch, but when half of
/// its transfers have ended, and at the end.
class ServedSession final : public std::enable_shared_from_this<ServedSession>,
                            private RemovalListener,
                            private CompletionBatch::Member {
public:
    /// Serves another session, for NewSession.
    using Open =
        std::move_only_function<BackendResult<void>(UniqueFd, std::shared_ptr<UsbBackend>)>;

    ServedSession(SessionSocket socket, std::shared_ptr<UsbBackend> backend, Open open);

    /// Serves until the client is gone or Stop is called, then ends the session. Once.
    void Run();

    /// Has Run return. Any thread.
    void Stop();

    /// Ends a request that owns `slot`. Any thread.
    void Complete(uint16_t slot, EntryKind kind, uint8_t status, uint64_t value);

    /// The frames of a transfer are done with. Any thread.
    void GiveFrames(size_t num_frames) { num_frames_.fetch_sub(num_frames); }

private:
    /// Why a client is disconnected; empty: it is not.
    using Complaint = std::string_view;
    using Clock = std::chrono::steady_clock;
    struct TransferParts;

    [[nodiscard]] bool ShakeHands();
    [[nodiscard]] bool AdoptMemory(IncomingMessage &message);
    [[nodiscard]] bool SendWelcome();
    void ServeRequests();
    /// Takes what is in the ring, unless another thread is at it, which then sees it.
    void TakeSubmissions();
    /// With the role. Some of what is in the ring.
    void TakeSomeSubmissions();
    void SleepUntilInput();
    /// From Rouse to Rest a thread looks at the ring again and again. The client wakes the session's thread only while
    /// nobody does. @return whether nobody does from now on: look once more.
    void Rouse();
    [[nodiscard]] bool Rest();
    [[nodiscard]] bool IsServing() const {
        return serving_thread_.load(std::memory_order_relaxed) == std::this_thread::get_id();
    }
    /// Some of those that are there. @return whether there may be more.
    bool TakeMessages();
    [[nodiscard]] Complaint TakeMessage(IncomingMessage &message);
    void Disconnect(Complaint complaint);
    void End();
    void AbortTransfers();

    [[nodiscard]] Complaint Handle(const SubmissionEntry &entry);
    [[nodiscard]] Complaint BeginRequest(uint16_t slot);
    [[nodiscard]] Complaint StartTransfer(const SubmissionEntry &entry);
    [[nodiscard]] Complaint ReadParts(const SubmissionEntry &entry, TransferParts &parts);
    [[nodiscard]] Complaint ReadList(const SubmissionEntry &entry, TransferParts &parts);
    [[nodiscard]] Complaint Resolve(const WireRange &range, uint16_t slot, TransferParts &parts,
                                    HostSpan &span);
    /// Accounts for frames until they are given back. @return false when the session has too many under way.
    [[nodiscard]] bool TakeFrames(size_t num_frames);
    [[nodiscard]] Complaint RunOperation(const OperationEntry &entry);
    [[nodiscard]] Complaint RunNewSession(const OperationEntry &entry);
    void RunOnThread(uint16_t slot, std::move_only_function<BackendResult<void>()> operation);
    void Answer(uint16_t slot, const BackendResult<void> &result);
    void Push(const CompletionEntry &entry);
    void ContinueBatch(CompletionBatch &batch, bool is_polled, uint32_t num_left);
    void OnBatchEnd() override;
    void WakeClient();

    void OnDeviceRemoved() override;

    const SessionSocket socket_;
    std::shared_ptr<UsbBackend> backend_;  // the role's; operations hold it, too
    Open open_;                            // operations only
    SpinBudget spin_;
    std::atomic<bool> is_over_ = false;

    std::shared_ptr<SharedRegion> region_;
    SessionMemory *memory_ = nullptr;
    std::unique_ptr<RingReader<SubmissionEntry, kNumSubmissions>> submissions_;

    std::mutex server_;  // held while submissions and messages are taken and carried out
    std::atomic<std::thread::id> serving_thread_;     ///< Who has the role.
    std::atomic<uint32_t> num_awake_ = 1;             ///< Rouse and Rest.
    AdoptedRegions regions_;                          // guarded by server_
    std::unordered_map<uint64_t, UniqueFd> sockets_;  ///< For new sessions. Guarded by server_.
    Clock::time_point sockets_deadline_;  ///< Unless sockets_ is empty. Guarded by server_.
    OperationThread operations_{"usb-operations"};

    std::array<std::atomic<bool>, kNumSlots> is_busy_ = {};
    std::array<uint8_t, kNumSlots> endpoints_ = {};  ///< Of each slot's last transfer. As regions_.
    std::atomic<uint32_t> num_transfers_ = 0;        ///< Under way. A futex for End.
    std::atomic<uint32_t> num_untold_ =
        0;  ///< Completions of batches that the client may sleep through.

    std::atomic<uint64_t> num_frames_ = 0;  ///< Of the transfers under way.

    std::mutex completions_mutex_;
    std::unique_ptr<RingWriter<CompletionEntry, kNumCompletions>>
        completions_;  // guarded by completions_mutex_
    std::atomic<bool> is_removal_told_ = false;
};

}  // namespace opendext::backends::remote
