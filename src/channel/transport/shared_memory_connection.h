// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string_view>

#include "base/giving_way.h"
#include "base/spin_budget.h"
#include "channel/transport/bus_peer.h"
#include "channel/transport/call_gate.h"
#include "channel/transport/client_mappings.h"
#include "channel/transport/client_memory_lender.h"
#include "channel/transport/given_links.h"
#include "channel/transport/lent_structure.h"
#include "channel/transport/memory_loans.h"
#include "channel/transport/request_thread.h"
#include "channel/wire/call.h"
#include "channel/wire/call_slot.h"
#include "channel/wire/client_call.h"
#include "channel/wire/host_seam.h"

namespace opendext::channel {

/// The application's end of a connection to a user client in another process: calls go through slots in shared
/// memory, everything else over the control socket. Nothing that the driver process writes is believed.
/// Any thread; but not the bus thread, nor a CompletionSink::Complete.
class SharedMemoryConnection final : public ClientConnection, private LendingPeer {
public:
    /// Takes the ends that ConnectionServer::MakeEndpoint made. `sink` is called on the bus thread and outlives
    /// the connection. @return kIOReturnIPCError when the ends are not what they should be.
    [[nodiscard]] static std::expected<std::shared_ptr<SharedMemoryConnection>, int32_t> Attach(
        BusThread &bus_thread, TransportEndpoint endpoint, CompletionSink *sink);

    ~SharedMemoryConnection() override;

    int32_t Call(const ClientCall &call) override;
    std::expected<ClientMapping, int32_t> MapMemory(uint64_t type,
                                                    std::byte *fixed_address) override;
    int32_t UnmapMemory(uint64_t type) override;
    int32_t GiveLink(LinkKind kind, std::string_view name,
                     const std::shared_ptr<EventLink> &link) override;
    void Close() override;

    /// A message of the driver process; bus thread.
    int OnShareMemory(sd_bus_message *call);

private:
    struct Lent;
    enum class Wait { kAnswered, kAsked, kPeerGone };

    SharedMemoryConnection(BusThread &bus_thread, std::shared_ptr<SharedRegion> region);
    void SetUpPeer(BusPeer &peer, CompletionSink *sink);

    [[nodiscard]] uint64_t RegisterRegion(SharedRegion &region) override;
    void DropRegion(uint64_t region_id) override;
    void TrimAfter(std::chrono::milliseconds delay) override;
    void ExpectCall() override;

    void OnPeerGone();
    /// Why a control message got no valid answer.
    [[nodiscard]] int32_t ControlFailure() const;
    /// Appends further pieces of a grant to `slices`; `ticket` is then for those after them. @return false: none came.
    [[nodiscard]] bool TakePieces(uint64_t &ticket, std::vector<SharedSlice> &slices);
    void SendClose();
    /// `ticket` becomes that of the call if it takes one; call WakeForTurn after the gate.
    [[nodiscard]] int32_t CallInGate(const ClientCall &call, const CheckedCall &checked,
                                     uint64_t &ticket);
    [[nodiscard]] int32_t LendStructures(const ClientCall &call, const CheckedCall &checked,
                                         Lent &lent);
    void AwaitTurn(uint64_t ticket);
    void PassTurn(uint64_t ticket);
    void WakeForTurn(uint64_t ticket);
    [[nodiscard]] RequestHeader Fill(uint64_t ticket, const ClientCall &call,
                                     const CheckedCall &checked, const Lent &lent);
    /// @return whether the server slept.
    bool Submit(CallSlot &slot, uint64_t ticket);
    /// What a device reaches of an input that the driver has a copy of.
    void PublishInputPages(uint64_t ticket, LentStructure &input);
    [[nodiscard]] bool AwaitReply(CallSlot &slot, uint64_t ticket, bool was_parked, Lent &lent);
    [[nodiscard]] Wait AwaitServer(CallSlot &slot, uint64_t ticket, bool was_parked);
    [[nodiscard]] Wait WaitOf(uint32_t word, uint64_t ticket) const;
    /// To the server, when it may be on this processor.
    void GiveWay(CallSlot &slot);
    [[nodiscard]] Wait AwaitServerParked(CallSlot &slot, uint64_t ticket);
    bool WakeServer();
    void AnswerQuestion(CallSlot &slot, uint64_t ticket, MemoryLoans &loans);
    [[nodiscard]] static int32_t TakeBack(const ReplyHeader &reply, Lent &lent);
    [[nodiscard]] int32_t TakeReply(CallSlot &slot, uint64_t ticket, const RequestHeader &request,
                                    const ClientCall &call, Lent &lent);
    [[nodiscard]] int32_t TakeVariableOutput(uint64_t ticket, const ReplyHeader &reply,
                                             const ClientCall &call);

    BusThread &bus_thread_;
    const std::shared_ptr<SharedRegion> region_;
    CallRegion *const shared_;
    ClientMappings mappings_;
    GivenLinks links_;
    CallGate gate_;
    SpinBudget spin_;
    std::atomic<bool> is_peer_gone_ = false;
    std::atomic<bool> is_attached_ = false;
    std::atomic<uint64_t> last_region_id_ = 0;
    alignas(64) std::atomic<uint64_t> last_ticket_ = 0;

    /// Whose turn a slot is: ticket / kNumCallSlots of the ticket that may use it.
    struct Turn {
        std::atomic<uint32_t> now = 0;
        std::atomic<uint32_t> num_waiters = 0;
    };
    std::array<Turn, kNumCallSlots> turns_;
    /// Whether this object is there, for timers; the value is used on the bus thread only.
    const std::shared_ptr<bool> is_alive_ = std::make_shared<bool>(true);
    std::unique_ptr<BusPeer> peer_;
    ClientMemoryLender lender_{this};  // its memory is known to the peer
    RequestThread requests_;
};

}  // namespace opendext::channel
