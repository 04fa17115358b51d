// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/call_path.h"
#include "base/futex.h"
#include "base/spin.h"
#include "base/spin_budget.h"
#include "base/stepping_aside.h"
#include "channel/transport/ask_gate.h"
#include "channel/transport/bus_peer.h"
#include "channel/transport/given_links.h"
#include "channel/transport/peer_regions.h"
#include "channel/wire/call.h"
#include "channel/wire/call_slot.h"
#include "channel/wire/host_seam.h"

namespace opendext::channel {

/// The driver process's end of one application's connection: one thread that serves the call slots in order of
/// submission. It calls the port from that thread only (but GiveLink, from the bus thread), and Close when the
/// application has closed or died or this object is destroyed. Nothing that the application writes is believed.
class ConnectionServer final : public CompletionSink, public ClientMemorySource {
public:
    /// Starts serving `port`. `on_ended` runs on the bus thread once the port is closed; it may destroy the
    /// server. @return errno when there is no memory, descriptor or thread.
    [[nodiscard]] static std::expected<std::unique_ptr<ConnectionServer>, int> Start(
        BusThread &bus_thread, std::shared_ptr<UserClientPort> port,
        std::function<void()> on_ended);

    /// Hangs up; waits for the call that runs, and closes the port. on_ended does not run any more. Not on the
    /// bus thread, unless in on_ended.
    ~ConnectionServer();
    ConnectionServer(const ConnectionServer &) = delete;
    ConnectionServer &operator=(const ConnectionServer &) = delete;

    /// The application's ends; once.
    [[nodiscard]] TransportEndpoint MakeEndpoint() { return std::move(endpoint_); }

    /// Carries a completion to the application. Any thread.
    void Complete(const AsyncCompletion &completion) override;

    /// Asks the application: while a call is served its waiting thread, else by a message. Any thread but the bus
    /// thread. @return kIOReturnIPCError also for an answer that is none.
    std::expected<std::vector<ClientMemoryPiece>, int32_t> ShareMemory(
        const ClientMemoryRequest &request) override;

    // Messages of the application; bus thread.
    int OnRegisterRegion(sd_bus_message *call);
    int OnTakeOutput(sd_bus_message *call);
    int OnMapMemory(sd_bus_message *call);
    int OnTakePieces(sd_bus_message *call);
    int OnUnmapMemory(sd_bus_message *call);
    int OnGiveLink(sd_bus_message *call);

private:
    class AwaitedInputOwner;
    struct CallBuffers;

    // Pieces of a grant that did not fit into the messages before.
    struct PiecesLeft {
        std::vector<SharedSlice> slices;
        bool read_only = false;
    };
    // Keeps what is after the first message's share, of a grant or of what was left of one.
    // @return its ticket; 0: nothing is left.
    uint64_t KeepPiecesLeft(std::vector<SharedSlice> &slices, bool read_only);

    ConnectionServer(BusThread &bus_thread, std::shared_ptr<UserClientPort> port,
                     std::shared_ptr<SharedRegion> region, std::function<void()> on_ended);

    void SetUpPeer(BusPeer &peer);
    void ServeUntilStopped();
    [[nodiscard]] bool HasWork() const;
    template <typename Predicate>
    void AwaitApplication(SpinBudget &spin, Predicate is_over);
    void Wake();
    void RequestStop();
    void PostJob(std::move_only_function<void()> job);
    void RunJobs();
    /// @return as Tell.
    [[nodiscard]] AppWaits Serve(uint64_t ticket);
    /// @return what the application did that waited.
    static AppWaits Tell(CallSlot &slot, uint32_t word);
    /// After a call: the application may be waiting for this very processor.
    void GiveWay(AppWaits waits);
    [[nodiscard]] int32_t ReadRequest(uint64_t ticket, const RequestHeader &header,
                                      CallBuffers &buffers, CallRequest &request);
    [[nodiscard]] int32_t ReadExtra(uint64_t ticket, const RequestHeader &header,
                                    CallBuffers &buffers, CallRequest &request);
    [[nodiscard]] ReplyHeader CallPort(CallSlot &slot, const RequestHeader &header,
                                       uint64_t ticket);
    [[nodiscard]] ReplyHeader TakeReply(CallSlot &slot, const RequestHeader &header,
                                        uint64_t ticket, CallReply &reply);
    void KeepLargeOutput(uint64_t ticket, CallReply &reply, ReplyHeader &answer);
    [[nodiscard]] bool EndAsking();
    [[nodiscard]] std::optional<SharedSlice> AwaitInputPages(uint64_t ticket, uint64_t length);
    using Pieces = std::expected<std::vector<ClientMemoryPiece>, int32_t>;
    [[nodiscard]] Pieces AskInCall(uint64_t ticket, const MemoryQuestion &question);
    [[nodiscard]] Pieces AskOutsideCalls(const MemoryQuestion &question);
    [[nodiscard]] Pieces PiecesOf(int32_t result, std::span<const WireSlice> slices,
                                  const MemoryQuestion &question);

    BusThread &bus_thread_;
    const std::shared_ptr<UserClientPort> port_;
    const std::shared_ptr<SharedRegion> region_;
    CallRegion *const shared_;
    TransportEndpoint endpoint_;
    PeerRegions regions_;
    GivenLinks links_;
    /// An application that sends one fresh buffer after another takes this long to fill one.
    static constexpr std::chrono::nanoseconds kMostSpinning{400'000};
    SpinBudget spin_{kMostSpinning};
    uint64_t next_ticket_ = 1;  // used on the serving thread only, as the next one
    SteppingAside aside_;

    std::atomic<bool> stop_ = false;
    std::atomic<bool> has_jobs_ = false;
    std::mutex mutex_;
    std::deque<std::move_only_function<void()>> jobs_;         // guarded by mutex_
    std::unordered_map<uint64_t, SharedSlice> large_outputs_;  // guarded by mutex_; by ticket
    std::map<uint64_t, PiecesLeft> pieces_left_;               // guarded by mutex_; by ticket
    uint64_t last_pieces_ticket_ = 0;                          // guarded by mutex_

    std::mutex asking_;  // held by who asks through the call that is served
    AskGate ask_gate_;
    SpinBudget ask_spin_;
    std::vector<std::weak_ptr<const void>> snapshots_;  // of this call; used by who is in the gate
    std::condition_variable answered_;  // with mutex_: a question outside calls, or the end

    std::function<void()> on_ended_;  // used on the bus thread only
    /// Whether this object is there, for tasks that wait; the value is used on the bus thread only.
    const std::shared_ptr<bool> is_alive_ = std::make_shared<bool>(true);
    std::unique_ptr<BusPeer> peer_;
    std::thread thread_;
};

/// Spins, then sleeps until the application has done something and `is_over` holds, or the backstop has passed:
/// a server that sleeps looks by itself, whatever the application wrote over its futex.
template <typename Predicate>
void ConnectionServer::AwaitApplication(SpinBudget &spin, Predicate is_over) {
    constexpr std::chrono::seconds kParkBackstop{2};
    if (spin.Spin(is_over)) {
        return;
    }
    while (true) {
        shared_->server_parked.store(1);
        std::atomic_thread_fence(std::memory_order_seq_cst);  // with that of WakeServer's caller
        if (is_over()) {
            break;
        }
        FutexWaitFor(shared_->server_parked, 1, kParkBackstop);
        aside_.Slept();
        FetchCallPath(CallSide::kDriver);
        // Woken without work: the application is about to call.
        if (shared_->server_parked.load() == 0 && SpinUntil(is_over, SpinBudget::kMost)) {
            break;
        }
    }
    shared_->server_parked.store(0);
}

}  // namespace opendext::channel
