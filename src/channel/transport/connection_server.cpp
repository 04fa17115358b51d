// SPDX-License-Identifier: Apache-2.0
#include "channel/transport/connection_server.h"

#include <cerrno>
#include <new>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>

#include "base/blocked_signals.h"
#include "base/futex.h"
#include "base/signal_stack.h"

namespace opendext::channel {

namespace {

/// Messages that may wait for the serving thread; what comes beyond is refused.
constexpr size_t kMaxJobs = 1024;

std::thread StartThread(std::move_only_function<void()> run) {
    const BlockedSignals blocked;
    try {
        return std::thread([run = std::move(run)]() mutable {
            const SignalStack signal_stack;  // driver code runs here, and may recurse without end
            run();
        });
    } catch (const std::system_error &) {
        return {};  // the caller sees a thread that is not joinable
    }
}

}  // namespace

ConnectionServer::ConnectionServer(BusThread &bus_thread, std::shared_ptr<UserClientPort> port,
                                   std::shared_ptr<SharedRegion> region,
                                   std::function<void()> on_ended)
    : bus_thread_(bus_thread),
      port_(std::move(port)),
      region_(std::move(region)),
      shared_(std::launder(reinterpret_cast<CallRegion *>(region_->Writable()))),
      on_ended_(std::move(on_ended)) {}

std::expected<std::unique_ptr<ConnectionServer>, int> ConnectionServer::Start(
    BusThread &bus_thread, std::shared_ptr<UserClientPort> port, std::function<void()> on_ended) {
    auto region = SharedRegion::Create(sizeof(CallRegion), "opendext-calls");
    if (!region) {
        return std::unexpected(region.error());
    }
    if ((*region)->Writable() == nullptr) {
        return std::unexpected(ENOMEM);
    }
    auto sockets = MakeBusSocketPair();
    auto app_region = UniqueFd(fcntl((*region)->ExportFd(), F_DUPFD_CLOEXEC, 3));
    if (!sockets || !app_region.is_valid()) {
        return std::unexpected(EMFILE);
    }
    std::unique_ptr<ConnectionServer> server(
        new ConnectionServer(bus_thread, std::move(port), std::move(*region), std::move(on_ended)));
    server->shared_->magic = kChannelMagic;
    server->shared_->version = kChannelVersion;
    server->shared_->num_slots = kNumCallSlots;
    server->endpoint_ = {.region = std::move(app_region), .control = std::move(sockets->second)};
    auto peer = BusPeer::Attach(
        bus_thread, std::move(sockets->first), BusSide::kServer,
        [raw = server.get()] { raw->RequestStop(); },
        [raw = server.get()](BusPeer &made) { raw->SetUpPeer(made); });
    if (!peer) {
        return std::unexpected(peer.error());
    }
    server->peer_ = std::move(*peer);
    server->port_->Attach(server.get(), server.get());
    server->thread_ = StartThread([raw = server.get()] { raw->ServeUntilStopped(); });
    if (!server->thread_.joinable()) {
        server->port_->Detach();
        return std::unexpected(EAGAIN);
    }
    pthread_setname_np(server->thread_.native_handle(), "user-client");
    return server;
}

ConnectionServer::~ConnectionServer() {
    bus_thread_.RunAndWait([this] {
        *is_alive_ = false;
        on_ended_ = nullptr;
    });
    RequestStop();
    if (thread_.joinable()) {
        thread_.join();
    }
}

void ConnectionServer::RequestStop() {
    stop_.store(true);
    links_.CancelAll();  // the driver may wait for the application within a call
    {
        const std::lock_guard lock(mutex_);  // who waits has either seen it or sleeps
        answered_.notify_all();
    }
    Wake();
}

#pragma clang section text = "opendext_call_driver"
void ConnectionServer::ServeUntilStopped() {
    while (!stop_.load(std::memory_order_acquire)) {
        if (has_jobs_.load(std::memory_order_relaxed)) {
            RunJobs();
        }
        if (shared_->slots[SlotIndex(next_ticket_)].sequence.load(std::memory_order_acquire) ==
            SequenceOf(next_ticket_)) {
            const AppWaits waits = Serve(next_ticket_);
            ++next_ticket_;
            GiveWay(waits);
        } else {
            AwaitApplication(spin_, [this] { return HasWork(); });
        }
    }
    // Jobs answer messages; dropping them answers those with an error.
    {
        const std::lock_guard lock(mutex_);
        jobs_.clear();
    }
    port_->Detach();
    port_->Close();
    bus_thread_.Post([this, is_alive = is_alive_] {
        if (!*is_alive) {
            return;
        }
        if (const std::function<void()> on_ended = std::exchange(on_ended_, nullptr)) {
            on_ended();
        }
    });
}

void ConnectionServer::GiveWay(AppWaits waits) {
    const bool has_given_way = HasGivenWay(waits);
    const int here = has_given_way ? sched_getcpu() : -1;
    if (aside_.IsDue(here >= 0 && waits == GaveWayOn(static_cast<uint32_t>(here)))) {
        shared_->server_moves.store(1);
        aside_.StepAside();
        shared_->server_moves.store(0);
    } else if (has_given_way && !HasWork()) {
        sched_yield();
    }
}

bool ConnectionServer::HasWork() const {
    return shared_->slots[SlotIndex(next_ticket_)].sequence.load() == SequenceOf(next_ticket_) ||
           has_jobs_.load() || stop_.load();
}

#pragma clang section text = ""

void ConnectionServer::Wake() {
    shared_->server_parked.store(0);
    FutexWakeAll(shared_->server_parked);
}

void ConnectionServer::PostJob(std::move_only_function<void()> job) {
    {
        const std::lock_guard lock(mutex_);
        if (jobs_.size() >= kMaxJobs) {
            return;  // the job goes, and answers its message with an error
        }
        jobs_.push_back(std::move(job));
    }
    has_jobs_.store(true);
    Wake();
}

#pragma clang section text = "opendext_call_driver"
void ConnectionServer::RunJobs() {
    has_jobs_.store(false);
    std::deque<std::move_only_function<void()>> jobs;
    {
        const std::lock_guard lock(mutex_);
        jobs.swap(jobs_);
    }
    for (auto &job : jobs) {
        job();
    }
}
#pragma clang section text = ""

}  // namespace opendext::channel
