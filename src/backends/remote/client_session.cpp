// SPDX-License-Identifier: Apache-2.0
#include "backends/remote/client_session.h"

#include <pthread.h>
#include <chrono>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "backends/api/completion_batch.h"
#include "base/blocked_signals.h"
#include "base/futex.h"
#include "base/log.h"

namespace opendext::backends::remote {

namespace {

/// How long an honest server may take to abort what is under way.
constexpr std::chrono::seconds kMostClosingTime{2};

/// How long the reaper sleeps on the word before it looks whether the server is still there.
constexpr std::chrono::milliseconds kLongestBusySleep{50};

/// Messages that are taken before the ring is looked at again.
constexpr int kMessagesInARow = 64;

}  // namespace

ClientSession::ClientSession(std::shared_ptr<const SessionSocket> socket,
                             std::shared_ptr<SharedRegion> memory, bool is_present)
    : socket_(std::move(socket)),
      region_(std::move(memory)),
      memory_(*std::launder(reinterpret_cast<SessionMemory *>(region_->Writable()))),
      requests_(memory_),
      is_present_(is_present),
      completions_(memory_.completions),
      is_removal_told_(!is_present) {
    outgoing_.regions = RegisteredRegions::Create(socket_);
    if (!is_present) {
        requests_.Close(UsbStatus::kRemoved);
    }
}

BackendResult<void> ClientSession::Start() {
    try {
        const BlockedSignals blocked;
        reaper_ = std::thread([self = shared_from_this()] {
            pthread_setname_np(pthread_self(), "usb-reaper");
            self->Reap();
        });
    } catch (const std::system_error &error) {
        return Refuse(BackendErrorCode::kNoResources,
                      std::string("no thread for a USB session: ") + error.what());
    }
    return {};
}

void ClientSession::Close() {
    SetRemovalListener(nullptr);
    requests_.Close(UsbStatus::kAborted);
    socket_->EndSending();
    if (reaper_.get_id() == std::this_thread::get_id()) {
        reaper_.detach();
        return;
    }
    const auto deadline = std::chrono::steady_clock::now() + kMostClosingTime;
    while (is_over_.load() == 0) {
        const auto waited = FutexWait(is_over_, 0, deadline, FutexScope::kThisProcess);
        if (waited == FutexResult::kTimedOut) {
            LogWarning("USB session: the device's process does not end it; cut off");
            CutOff();
            break;
        }
    }
    reaper_.join();
}

// --- Requests --------------------------------------------------------------------------------------------------------

void ClientSession::Submit(std::unique_ptr<UsbTransfer> transfer) {
    const auto submitted = requests_.Submit(transfer, false, outgoing_);
    if (submitted.status != UsbStatus::kSuccess) {
        transfer->OnComplete({.status = submitted.status, .num_bytes = 0});
        return;
    }
    WakeServer();
}

void ClientSession::SubmitAndPoll(std::unique_ptr<UsbTransfer> transfer,
                                  const std::atomic<uint32_t> &word, uint32_t expected) {
    if (IsConsumer()) {
        return Submit(std::move(transfer));
    }
    const auto submitted = requests_.Submit(transfer, true, outgoing_);
    if (submitted.status != UsbStatus::kSuccess) {
        transfer->OnComplete({.status = submitted.status, .num_bytes = 0});
        return;
    }
    WakeServer();
    Poll(submitted.slot, word, expected);
}

void ClientSession::Abort(UsbEndpointAddress endpoint, uint16_t stream) {
    if (requests_.Abort(endpoint, stream)) {
        WakeServer();
    }
}

BackendResult<ClientSession::Answer> ClientSession::Run(const OperationEntry &entry) {
    // Nobody takes the reaper's completion while it waits.
    if (IsConsumer() || reaper_id_.load(std::memory_order_relaxed) == std::this_thread::get_id()) {
        return Refuse(BackendErrorCode::kBusy, "a USB completion cannot wait for the device");
    }
    PendingOperation pending;
    const auto slot = requests_.Submit(entry, pending);
    if (slot) {
        WakeServer();
        Poll(*slot, pending.word, PendingOperation::kPending);
        pending.Wait();
    } else if (IsPresent()) {
        return Refuse(BackendErrorCode::kNoResources, "too many USB requests are under way");
    }
    if (!pending.is_answered) {
        return Refuse(BackendErrorCode::kRemoved, "the USB device is gone");
    }
    if (pending.status != 0) {
        return Refuse(static_cast<BackendErrorCode>(pending.status - 1), std::move(pending.text));
    }
    return Answer{.value = pending.value, .mach_time = pending.mach_time};
}

uint64_t ClientSession::SendSocket(const UniqueFd &fd) {
    const SessionMessage message = {.kind = static_cast<uint32_t>(MessageKind::kSocket),
                                    .reserved = 0,
                                    .id = ++last_socket_id_,
                                    .num_bytes = 0};
    return socket_->Send(message, fd.get()) ? message.id : 0;
}

void ClientSession::WakeServer() {
    std::atomic<uint32_t> &sleeps = memory_.control.server_sleeps;
    if (sleeps.load() != 0 && sleeps.exchange(0) != 0) {
        // A server that has unread messages does not sleep.
        (void)socket_->Send(SessionMessage{.kind = static_cast<uint32_t>(MessageKind::kWake)});
    }
}

// --- Completions -----------------------------------------------------------------------------------------------------

void ClientSession::Poll(uint16_t slot, const std::atomic<uint32_t> &word, uint32_t expected) {
    num_pollers_.fetch_add(1);
    const bool has_changed = poll_spin_.Spin([&] {
        Consume();
        return word.load(std::memory_order_acquire) != expected;
    });
    num_pollers_.fetch_sub(1);
    if (!has_changed) {
        // Either the server sees that it has to wake the reaper, or the completion is seen here.
        memory_.slots[slot].is_polled.store(0);
        Consume();
    }
}

void ClientSession::Consume() {
    // Who fails to get the role may have seen what its holder has not: the holder looks again after giving it up.
    while (completions_.HasNext() && !is_broken_.load() && consumer_.try_lock()) {
        ConsumeAndLetGo({consumer_, std::adopt_lock});
    }
}

void ClientSession::ConsumeAndLetGo(std::unique_lock<std::mutex> role) {
    EndedTransfers ended;
    consumer_thread_.store(std::this_thread::get_id(), std::memory_order_relaxed);
    {
        const CompletionBatch batch;
        for (std::unique_ptr<UsbTransfer> &place : ended) {
            const auto completion = is_broken_.load() ? std::nullopt : completions_.Take();
            if (!completion) {
                break;
            }
            if (!Deliver(*completion, place)) {
                Break();
            }
        }
    }
    consumer_thread_.store({}, std::memory_order_relaxed);
    // Seen here, so that the OnComplete of each has returned.
    const bool is_removal = !IsPresent() && requests_.num_transfers() == 0;
    role.unlock();
    for (std::unique_ptr<UsbTransfer> &transfer : ended) {
        transfer.reset();
    }
    if (is_removal) {
        TellRemoval();
    }
}

bool ClientSession::Deliver(const CompletionEntry &completion,
                            std::unique_ptr<UsbTransfer> &transfer) {
    if (completion.kind == static_cast<uint8_t>(EntryKind::kRemoved)) {
        // Told without an end, it would keep the thread that takes completions for ever.
        if (std::exchange(has_said_removed_, true)) {
            return false;
        }
        requests_.Close(UsbStatus::kRemoved);
        is_present_.store(false);
        return true;
    }
    auto ended = requests_.Complete(completion, outgoing_);
    if (!ended) {
        return false;
    }
    Finish(*ended);
    transfer = std::move(ended->transfer);
    return true;
}

void ClientSession::Finish(const Ended &ended) {
    if (ended.operation != nullptr) {
        ended.operation->Finish();
        return;
    }
    ended.transfer->OnComplete(ended.outcome);
}

void ClientSession::Break() {
    LogError("USB session: the device's process broke the protocol; its device is treated as gone");
    is_broken_.store(true);
    CutOff();
}

void ClientSession::CutOff() {
    socket_->End();
    std::atomic<uint32_t> &sleeps = memory_.control.client_sleeps;
    sleeps.store(0);
    FutexWakeAll(sleeps);
}

void ClientSession::Reap() {
    reaper_id_.store(std::this_thread::get_id(), std::memory_order_relaxed);
    do {
        ConsumeAndLetGo(std::unique_lock(consumer_));
    } while (SleepUntilInput());
    EndEverything();
    is_over_.store(1);
    FutexWakeAll(is_over_, FutexScope::kThisProcess);
}

bool ClientSession::SleepUntilInput() {
    const auto is_awaited_elsewhere = [&] { return num_pollers_.load() != 0; };
    const auto has_work = [&] { return completions_.HasNext() || is_broken_.load(); };
    const bool stays_awake = !is_awaited_elsewhere() && reaper_spin_.Spin([&] {
        return has_work() || is_awaited_elsewhere();
    });
    if (stays_awake && has_work()) {
        return !is_broken_.load();
    }
    std::atomic<uint32_t> &sleeps = memory_.control.client_sleeps;
    sleeps.store(is_busy_ ? kSleepsOnWord : kSleepsOnSocket);
    if (has_work()) {
        // It has come just now.
    } else if (is_busy_ && memory_.control.has_ended.load() == 0) {
        FutexWaitFor(sleeps, kSleepsOnWord, kLongestBusySleep);
    } else {
        socket_->WaitForInput();
    }
    sleeps.store(0, std::memory_order_relaxed);
    const bool was_busy = std::exchange(is_busy_, has_work());
    return !is_broken_.load() && ((was_busy && is_busy_) || TakeMessages());
}

bool ClientSession::TakeMessages() {
    IncomingMessage message;
    for (int i = 0; i < kMessagesInARow; ++i) {
        const SessionSocket::Receipt receipt = socket_->Receive(message);
        if (receipt != SessionSocket::Receipt::kMessage) {
            return receipt != SessionSocket::Receipt::kEnded;
        }
    }
    return true;
}

// --- The end ---------------------------------------------------------------------------------------------------------

void ClientSession::EndEverything() {
    requests_.Close(UsbStatus::kRemoved);
    // Before any request is told: who learns of it so, finds the device gone.
    is_present_.store(false);
    while (completions_.HasNext() && !is_broken_.load()) {
        ConsumeAndLetGo(std::unique_lock(consumer_));
    }
    std::vector<Ended> all;
    {
        const std::lock_guard role(consumer_);
        all = requests_.TakeAll(outgoing_);
        consumer_thread_.store(std::this_thread::get_id(), std::memory_order_relaxed);
        for (const Ended &ended : all) {
            Finish(ended);
        }
        consumer_thread_.store({}, std::memory_order_relaxed);
    }
    all.clear();
    TellRemoval();
}

void ClientSession::TellRemoval() {
    const std::lock_guard lock(listener_mutex_);
    if (!std::exchange(is_removal_told_, true) && listener_ != nullptr) {
        listener_->OnDeviceRemoved();
    }
}

void ClientSession::SetRemovalListener(RemovalListener *listener) {
    const std::lock_guard lock(listener_mutex_);
    listener_ = listener;
    if (listener_ != nullptr && is_removal_told_) {
        listener_->OnDeviceRemoved();
    }
}

}  // namespace opendext::backends::remote
