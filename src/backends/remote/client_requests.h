// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "backends/api/usb_transfer.h"
#include "backends/remote/packed_transfer.h"
#include "backends/remote/session_ring.h"
#include "backends/remote/session_wire.h"

namespace opendext::backends::remote {

/// An operation whose caller waits for it. Lies on the caller's stack.
struct PendingOperation {
    enum Word : uint32_t { kPending, kCallerSleeps, kDone };
    std::atomic<uint32_t> word = kPending;
    bool is_answered =
        false;           ///< False: the session ended first. Written before kDone, as what follows.
    uint8_t status = 0;  ///< As of CompletionEntry.
    uint64_t value = 0;
    uint64_t mach_time = 0;  ///< Of kCurrentFrame.
    std::string text;        ///< Of a refusal.

    /// Ends the caller's wait. The caller may be gone before this returns.
    void Finish();
    /// Sleeps until Finish.
    void Wait();
};

/// What a client has under way: which slot is whose, and the way of an entry into the ring. Any thread; completions are
/// taken by one at a time.
class ClientRequests {
public:
    /// Transfers leave that many slots to operations, which have to get through.
    static constexpr uint32_t kOperationSlots = 16;

    explicit ClientRequests(SessionMemory &memory);

    /// Whether the submission was accepted, and as which slot.
    struct Submitted {
        UsbStatus status = UsbStatus::kSuccess;
        uint16_t slot = 0;
    };

    /// Packs a transfer and writes its entry. Takes it if the status is kSuccess; else it is to end with the status.
    /// `is_polled`: see Slot.
    [[nodiscard]] Submitted Submit(std::unique_ptr<UsbTransfer> &transfer, bool is_polled,
                                   OutgoingMemory &memory);

    /// Writes the entry of an operation, polled. @return nullopt when it cannot be.
    [[nodiscard]] std::optional<uint16_t> Submit(OperationEntry entry, PendingOperation &operation);

    /// Writes an abort if one is needed: if there are transfers that none was written for. @return whether it was.
    [[nodiscard]] bool Abort(UsbEndpointAddress endpoint, uint16_t stream);

    /// A request that has been completed and does not own its slot any more.
    struct Ended {
        std::unique_ptr<UsbTransfer> transfer;  ///< To be told `outcome`.
        UsbOutcome outcome;
        PendingOperation *operation = nullptr;  ///< To be finished.
    };

    /// Takes a completion. @return nullopt when no honest server sends it.
    [[nodiscard]] std::optional<Ended> Complete(const CompletionEntry &completion,
                                                OutgoingMemory &memory);

    /// No request is accepted from now on; transfers end with `status`.
    void Close(UsbStatus status);

    /// After Close: all that is under way, in the order of submission.
    [[nodiscard]] std::vector<Ended> TakeAll(OutgoingMemory &memory);

    [[nodiscard]] uint32_t num_transfers() const { return num_transfers_.load(); }

private:
    enum class State : uint8_t { kFree, kTransfer, kOperation };
    struct Request {
        std::atomic<State> state = State::kFree;  ///< Stored last, before the entry.
        bool is_abort_written = false;            // guarded by mutex_, as what follows
        UsbEndpointAddress endpoint;
        uint16_t stream = 0;
        uint64_t number = 0;  ///< Order of submission.
        std::unique_ptr<UsbTransfer> transfer;
        PendingOperation *operation = nullptr;
        PackedTransfer packed;
    };

    [[nodiscard]] std::optional<uint16_t> TakeSlot(uint32_t num_to_leave);
    void GiveSlot(uint16_t slot);
    [[nodiscard]] bool Write(const SubmissionEntry &entry, Request &request, State state);
    [[nodiscard]] bool CompleteOperation(const CompletionEntry &completion,
                                         PendingOperation &operation);

    SessionMemory &memory_;
    std::mutex mutex_;
    RingWriter<SubmissionEntry, kNumSubmissions> submissions_;  // guarded by mutex_
    std::vector<uint16_t> free_slots_;                          // guarded by mutex_; last used last
    std::optional<UsbStatus> closed_;                           // guarded by mutex_
    uint64_t num_submitted_ = 0;                                // guarded by mutex_
    std::atomic<uint32_t> num_transfers_ = 0;
    std::array<Request, kNumSlots> requests_;
};

}  // namespace opendext::backends::remote
