// SPDX-License-Identifier: Apache-2.0
#include "backends/remote/client_requests.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "backends/api/backend_error.h"
#include "base/copy_out.h"
#include "base/futex.h"

namespace opendext::backends::remote {

namespace {

constexpr uint64_t kMostText = 256;

/// The default control endpoint is one, whatever its direction says.
bool AreSame(UsbEndpointAddress a, UsbEndpointAddress b) {
    return a == b || (a.number() == 0 && b.number() == 0);
}
constexpr auto kLastError = static_cast<uint8_t>(BackendErrorCode::kRemoved);

}  // namespace

void PendingOperation::Finish() {
    // Once the word says so, the caller may return: only its address is used then.
    std::atomic<uint32_t> &futex = word;
    if (futex.exchange(kDone) == kCallerSleeps) {
        FutexWakeAll(futex, FutexScope::kThisProcess);
    }
}

void PendingOperation::Wait() {
    uint32_t seen = kPending;
    word.compare_exchange_strong(seen, kCallerSleeps);
    while (word.load() != kDone) {
        FutexWait(word, kCallerSleeps, std::nullopt, FutexScope::kThisProcess);
    }
}

ClientRequests::ClientRequests(SessionMemory &memory)
    : memory_(memory), submissions_(memory.submissions) {
    free_slots_.reserve(kNumSlots);
    for (uint32_t i = kNumSlots; i != 0; --i) {
        free_slots_.push_back(static_cast<uint16_t>(i - 1));
    }
}

std::optional<uint16_t> ClientRequests::TakeSlot(uint32_t num_to_leave) {
    const std::lock_guard lock(mutex_);
    if (free_slots_.size() <= num_to_leave) {
        return std::nullopt;
    }
    const uint16_t slot = free_slots_.back();
    free_slots_.pop_back();
    return slot;
}

void ClientRequests::GiveSlot(uint16_t slot) {
    const std::lock_guard lock(mutex_);
    free_slots_.push_back(slot);
}

bool ClientRequests::Write(const SubmissionEntry &entry, Request &request, State state) {
    const std::lock_guard lock(mutex_);
    if (closed_) {
        return false;
    }
    request.is_abort_written = false;
    request.endpoint.value = entry.endpoint;
    request.stream = entry.stream;
    request.number = ++num_submitted_;
    if (state == State::kTransfer) {
        num_transfers_.fetch_add(1);
    }
    request.state.store(state, std::memory_order_release);
    submissions_.Push(entry);
    return true;
}

ClientRequests::Submitted ClientRequests::Submit(std::unique_ptr<UsbTransfer> &transfer,
                                                 bool is_polled, OutgoingMemory &memory) {
    const auto slot = TakeSlot(kOperationSlots);
    if (!slot) {
        return {.status = UsbStatus::kNoResources};
    }
    Request &request = requests_[*slot];
    Slot &shared = memory_.slots[*slot];
    SubmissionEntry entry = {};
    entry.slot = *slot;
    entry.kind = static_cast<uint8_t>(EntryKind::kTransfer);
    UsbStatus status = request.packed.Pack(*transfer, shared, memory, entry);
    if (status == UsbStatus::kSuccess) {
        shared.is_polled.store(is_polled ? 1 : 0, std::memory_order_relaxed);
        request.transfer = std::move(transfer);
        if (Write(entry, request, State::kTransfer)) {
            return {.status = UsbStatus::kSuccess, .slot = *slot};
        }
        transfer = std::move(request.transfer);
        request.packed.Release(memory);
        const std::lock_guard lock(mutex_);
        status = *closed_;
    }
    GiveSlot(*slot);
    return {.status = status};
}

std::optional<uint16_t> ClientRequests::Submit(OperationEntry entry, PendingOperation &operation) {
    const auto slot = TakeSlot(0);
    if (!slot) {
        return std::nullopt;
    }
    entry.slot = *slot;
    entry.kind = static_cast<uint8_t>(EntryKind::kOperation);
    Request &request = requests_[*slot];
    request.operation = &operation;
    memory_.slots[*slot].is_polled.store(1, std::memory_order_relaxed);
    if (!Write(std::bit_cast<SubmissionEntry>(entry), request, State::kOperation)) {
        GiveSlot(*slot);
        return std::nullopt;
    }
    return slot;
}

bool ClientRequests::Abort(UsbEndpointAddress endpoint, uint16_t stream) {
    if (num_transfers() == 0) {
        return false;
    }
    const std::lock_guard lock(mutex_);
    bool is_needed = false;
    for (Request &request : requests_) {
        const bool concerned = request.state.load(std::memory_order_relaxed) == State::kTransfer &&
                               AreSame(request.endpoint, endpoint) &&
                               (stream == 0 || request.stream == stream);
        if (concerned && !request.is_abort_written) {
            request.is_abort_written = true;
            is_needed = true;
        }
    }
    if (!is_needed || closed_) {
        return false;
    }
    SubmissionEntry entry = {};
    entry.kind = static_cast<uint8_t>(EntryKind::kAbort);
    entry.endpoint = endpoint.value;
    entry.stream = stream;
    submissions_.Push(entry);
    return true;
}

std::optional<ClientRequests::Ended> ClientRequests::Complete(const CompletionEntry &completion,
                                                              OutgoingMemory &memory) {
    if (completion.slot >= kNumSlots) {
        return std::nullopt;
    }
    Request &request = requests_[completion.slot];
    const State state = request.state.load(std::memory_order_acquire);
    const auto kind = static_cast<EntryKind>(completion.kind);
    Ended ended;
    if (state == State::kTransfer && kind == EntryKind::kTransfer) {
        const auto outcome = request.packed.Unpack(*request.transfer, completion);
        if (!outcome) {
            return std::nullopt;
        }
        ended.outcome = *outcome;
        ended.transfer = std::move(request.transfer);
        request.packed.Release(memory);
    } else if (state == State::kOperation && kind == EntryKind::kOperation &&
               CompleteOperation(completion, *request.operation)) {
        ended.operation = request.operation;
    } else {
        return std::nullopt;
    }
    {
        const std::lock_guard lock(mutex_);
        request.state.store(State::kFree, std::memory_order_relaxed);
        free_slots_.push_back(completion.slot);
    }
    if (state == State::kTransfer) {
        num_transfers_.fetch_sub(1);
    }
    return ended;
}

bool ClientRequests::CompleteOperation(const CompletionEntry &completion,
                                       PendingOperation &operation) {
    if (completion.status > 1 + kLastError) {
        return false;
    }
    const Slot &slot = memory_.slots[completion.slot];
    operation.is_answered = true;
    operation.status = completion.status;
    operation.value = completion.value;
    if (completion.status == 0) {
        operation.mach_time = CopyOut(*reinterpret_cast<const uint64_t *>(slot.data.data()));
        return true;
    }
    operation.text.resize(std::min(completion.value, kMostText));
    std::memcpy(operation.text.data(), slot.data.data(), operation.text.size());
    return true;
}

void ClientRequests::Close(UsbStatus status) {
    const std::lock_guard lock(mutex_);
    if (!closed_) {
        closed_ = status;
    }
}

std::vector<ClientRequests::Ended> ClientRequests::TakeAll(OutgoingMemory &memory) {
    const std::lock_guard lock(mutex_);
    std::vector<uint16_t> slots;
    for (uint16_t slot = 0; slot < kNumSlots; ++slot) {
        if (requests_[slot].state.load(std::memory_order_relaxed) != State::kFree) {
            slots.push_back(slot);
        }
    }
    std::ranges::sort(slots, {}, [&](uint16_t slot) { return requests_[slot].number; });
    std::vector<Ended> all;
    for (const uint16_t slot : slots) {
        Request &request = requests_[slot];
        if (request.state.load(std::memory_order_relaxed) == State::kTransfer) {
            request.packed.Release(memory);
            all.push_back({.transfer = std::move(request.transfer),
                           .outcome = {.status = *closed_, .num_bytes = 0}});
            num_transfers_.fetch_sub(1);
        } else {
            all.push_back({.operation = request.operation});
        }
        request.state.store(State::kFree, std::memory_order_relaxed);
        free_slots_.push_back(slot);
    }
    return all;
}

}  // namespace opendext::backends::remote
