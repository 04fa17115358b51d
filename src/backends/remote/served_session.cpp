// SPDX-License-Identifier: Apache-2.0
// A session's beginning, its loop and its end.
#include "backends/remote/served_session.h"

#include <pthread.h>
#include <bitset>
#include <chrono>
#include <new>
#include <utility>

#include "backends/remote/descriptor_copy.h"
#include "base/futex.h"
#include "base/log.h"

namespace opendext::backends::remote {

namespace {

/// How long a client may take for its first message; a machine may be busy.
constexpr std::chrono::seconds kMostHandshakeTime{30};

/// Sockets that have been sent and not been named by an operation.
constexpr size_t kMostWaitingSockets = 16;

/// Entries that are taken before the socket is looked at, in case the client never pauses.
constexpr int kEntriesInARow = 4096;

/// How long such a socket may wait: its operation is written right after it was sent. One that waits can be the client's
/// own end, and then the client's end is not seen before it is closed here.
constexpr std::chrono::seconds kMostSocketWait{5};

constexpr std::string_view kCutMessage =
    "a message that is too large, or more descriptors than the device's process may open (ulimit "
    "-n)";

/// Messages that are taken before the ring is looked at again.
constexpr int kMessagesInARow = 64;

}  // namespace

ServedSession::ServedSession(SessionSocket socket, std::shared_ptr<UsbBackend> backend, Open open)
    : socket_(std::move(socket)), backend_(std::move(backend)), open_(std::move(open)) {}

void ServedSession::Run() {
    pthread_setname_np(pthread_self(), "usb-session");
    if (ShakeHands()) {
        backend_->SetRemovalListener(this);
        ServeRequests();
        backend_->SetRemovalListener(nullptr);
    }
    End();
}

void ServedSession::Stop() {
    is_over_.store(true);
    socket_.End();
}

bool ServedSession::ShakeHands() {
    socket_.WaitForInput(Clock::now() + kMostHandshakeTime);
    IncomingMessage message;
    if (socket_.Receive(message) != SessionSocket::Receipt::kMessage) {
        return false;
    }
    if (message.is_cut) {
        Disconnect(kCutMessage);
        return false;
    }
    if (!AdoptMemory(message)) {
        LogWarning("USB session: the driver's process is of another version of OpenDext");
        // It sees which version this is.
        (void)socket_.Send(SessionWelcome{.magic = kSessionMagic, .version = kSessionVersion});
        return false;
    }
    return SendWelcome();
}

bool ServedSession::AdoptMemory(IncomingMessage &message) {
    const auto hello = message.As<SessionHello>();
    if (!hello || hello->magic != kSessionMagic || hello->version != kSessionVersion ||
        hello->region_bytes != sizeof(SessionMemory)) {
        return false;
    }
    auto region = SharedRegion::Adopt(std::move(message.fd), sizeof(SessionMemory));
    if (!region || (*region)->Writable() == nullptr) {
        return false;
    }
    region_ = std::move(*region);
    memory_ = std::launder(reinterpret_cast<SessionMemory *>(region_->Writable()));
    submissions_ =
        std::make_unique<RingReader<SubmissionEntry, kNumSubmissions>>(memory_->submissions);
    completions_ =
        std::make_unique<RingWriter<CompletionEntry, kNumCompletions>>(memory_->completions);
    return true;
}

bool ServedSession::SendWelcome() {
    const auto packed = PackDescriptors(backend_->Descriptors());
    if (!packed) {
        return false;
    }
    const SessionWelcome welcome = {
        .magic = kSessionMagic,
        .version = kSessionVersion,
        .speed = static_cast<uint8_t>(backend_->Speed()),
        .address = backend_->Address(),
        .is_present = static_cast<uint8_t>(backend_->IsPresent() ? 1 : 0),
        .configuration = backend_->Configuration(),
        .num_configurations = packed->num_configurations,
        .descriptor_bytes = packed->num_bytes};
    return socket_.Send(welcome, packed->region->ExportFd());
}

void ServedSession::ServeRequests() {
    // What another thread is at is that one's work.
    const auto has_work = [&] {
        return is_over_.load() ||
               (submissions_->HasNext() && serving_thread_.load() == std::thread::id());
    };
    while (!is_over_.load()) {
        TakeSubmissions();
        if (!spin_.Spin(has_work)) {
            SleepUntilInput();
        }
    }
}

void ServedSession::TakeSubmissions() {
    // Who fails to get the role may have seen what its holder has not: the holder looks again after giving it up.
    while (!is_over_.load() && submissions_->HasNext() && !IsServing() && server_.try_lock()) {
        serving_thread_.store(std::this_thread::get_id(), std::memory_order_relaxed);
        TakeSomeSubmissions();
        serving_thread_.store({}, std::memory_order_relaxed);
        server_.unlock();
        std::atomic_thread_fence(std::memory_order_seq_cst);
    }
}

void ServedSession::TakeSomeSubmissions() {
    for (int i = 0; i < kEntriesInARow && !is_over_.load(); ++i) {
        const auto entry = submissions_->Take();
        if (!entry) {
            return;
        }
        if (const Complaint complaint = Handle(*entry); !complaint.empty()) {
            return Disconnect(complaint);
        }
    }
    (void)TakeMessages();
}

void ServedSession::Rouse() {
    num_awake_.fetch_add(1);
    memory_->control.server_sleeps.store(0);
}

bool ServedSession::Rest() {
    const bool is_last = num_awake_.fetch_sub(1) == 1;
    if (is_last) {
        memory_->control.server_sleeps.store(1);
    }
    return is_last;
}

void ServedSession::SleepUntilInput() {
    std::optional<Clock::time_point> deadline;
    {
        const std::lock_guard role(server_);
        // Who serves meanwhile may take a socket.
        const bool is_served_elsewhere = num_awake_.load() > 1 || num_transfers_.load() != 0;
        deadline = !sockets_.empty()     ? std::optional(sockets_deadline_)
                   : is_served_elsewhere ? std::optional(Clock::now() + kMostSocketWait)
                                         : std::nullopt;
    }
    if (!Rest() || (!submissions_->HasNext() && !is_over_.load())) {
        socket_.WaitForInput(deadline);
    }
    Rouse();
    const std::lock_guard role(server_);
    (void)TakeMessages();
    if (!sockets_.empty() && !submissions_->HasNext() && Clock::now() >= sockets_deadline_) {
        Disconnect("a socket that nothing is done with");
    }
}

bool ServedSession::TakeMessages() {
    IncomingMessage message;
    for (int i = 0; i < kMessagesInARow && !is_over_.load(); ++i) {
        switch (socket_.Receive(message)) {
            case SessionSocket::Receipt::kNothing:
                return false;
            case SessionSocket::Receipt::kEnded:
                is_over_.store(true);
                return false;
            case SessionSocket::Receipt::kMessage:
                break;
        }
        if (const Complaint complaint = TakeMessage(message); !complaint.empty()) {
            Disconnect(complaint);
        }
    }
    return !is_over_.load();
}

ServedSession::Complaint ServedSession::TakeMessage(IncomingMessage &message) {
    if (message.is_cut) {
        return kCutMessage;
    }
    const auto read = message.As<SessionMessage>();
    if (!read) {
        return "a message of another size than messages have";
    }
    switch (static_cast<MessageKind>(read->kind)) {
        case MessageKind::kWake:
            return {};
        case MessageKind::kRegion:
            return regions_.Adopt(read->id, std::move(message.fd), read->num_bytes)
                       ? Complaint()
                       : "a region that is no sealed memory, or too many of them";
        case MessageKind::kDropRegion:
            return regions_.Drop(read->id) ? Complaint() : "a region is dropped that is not known";
        case MessageKind::kSocket:
            sockets_deadline_ = Clock::now() + kMostSocketWait;
            return message.fd.is_valid() && sockets_.size() < kMostWaitingSockets &&
                           sockets_.emplace(read->id, std::move(message.fd)).second
                       ? Complaint()
                       : "a socket that nothing is done with";
    }
    return "a message of an unknown kind";
}

void ServedSession::Disconnect(Complaint complaint) {
    LogWarning("USB session: the driver's process sent {}; its session ends", complaint);
    Stop();
}

void ServedSession::End() {
    is_over_.store(true);
    {
        // Who has the role gives it up, and nobody takes anything afterwards.
        const std::lock_guard role(server_);
    }
    AbortTransfers();
    operations_.Stop();
    backend_.reset();
    for (uint32_t left = num_transfers_.load(); left != 0; left = num_transfers_.load()) {
        FutexWait(num_transfers_, left, std::nullopt, FutexScope::kThisProcess);
    }
    // Now the client has all completions, and sees the end.
    socket_.End();
    if (memory_ != nullptr) {
        memory_->control.has_ended.store(1);
        WakeClient();
    }
}

void ServedSession::AbortTransfers() {
    // The end of the session does it, too, but not before an operation that is under way.
    std::bitset<256> endpoints;
    for (uint32_t slot = 0; slot < kNumSlots; ++slot) {
        endpoints[endpoints_[slot]] = endpoints[endpoints_[slot]] || is_busy_[slot].load();
    }
    for (uint32_t address = 0; address < endpoints.size(); ++address) {
        if (endpoints[address]) {
            backend_->Abort({static_cast<uint8_t>(address)}, 0);
        }
    }
}

// --- Completions -----------------------------------------------------------------------------------------------------

void ServedSession::Complete(uint16_t slot, EntryKind kind, uint8_t status, uint64_t value) {
    // The client may use the slot again as soon as it sees the entry.
    is_busy_[slot].store(false);
    Push({.sequence = 0,
          .slot = slot,
          .kind = static_cast<uint8_t>(kind),
          .status = status,
          .value = value});
    const bool is_polled = memory_->slots[slot].is_polled.load() != 0;
    const uint32_t num_ended = kind == EntryKind::kTransfer ? 1 : 0;
    const uint32_t num_left = num_transfers_.fetch_sub(num_ended) - num_ended;
    if (CompletionBatch *const batch = CompletionBatch::Current()) {
        ContinueBatch(*batch, is_polled, num_left);
    } else if (!is_polled) {
        WakeClient();
    }
    if (num_ended != 0 && num_left == 0 && is_over_.load()) {
        FutexWakeAll(num_transfers_, FutexScope::kThisProcess);
    }
}

void ServedSession::ContinueBatch(CompletionBatch &batch, bool is_polled, uint32_t num_left) {
    if (batch.Join(std::shared_ptr<CompletionBatch::Member>(shared_from_this(), this))) {
        Rouse();
    }
    const uint32_t num_untold = is_polled ? num_untold_.load() : num_untold_.fetch_add(1) + 1;
    if (num_untold != 0 && num_untold >= num_left) {
        num_untold_.store(0);
        WakeClient();
    }
    TakeSubmissions();
}

void ServedSession::OnBatchEnd() {
    if (num_untold_.exchange(0) != 0) {
        WakeClient();
    }
    while (Rest() && submissions_->HasNext() && !is_over_.load()) {
        Rouse();
        TakeSubmissions();
    }
}

void ServedSession::Push(const CompletionEntry &entry) {
    const std::lock_guard lock(completions_mutex_);
    completions_->Push(entry);
}

void ServedSession::WakeClient() {
    std::atomic<uint32_t> &sleeps = memory_->control.client_sleeps;
    const uint32_t how = sleeps.load() != 0 ? sleeps.exchange(0) : 0;
    if (how == kSleepsOnWord) {
        FutexWake(sleeps, 1);
    } else if (how != 0) {
        // A client that has unread messages does not sleep.
        (void)socket_.Send(SessionMessage{.kind = static_cast<uint32_t>(MessageKind::kWake)});
    }
}

void ServedSession::OnDeviceRemoved() {
    if (is_removal_told_.exchange(true)) {
        return;
    }
    Push({.sequence = 0,
          .slot = 0,
          .kind = static_cast<uint8_t>(EntryKind::kRemoved),
          .status = 0,
          .value = 0});
    WakeClient();
}

}  // namespace opendext::backends::remote
