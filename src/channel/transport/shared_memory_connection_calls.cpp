// SPDX-License-Identifier: Apache-2.0
// The application's side of one call.
#include <algorithm>
#include <chrono>
#include <cstring>
#include <optional>
#include <utility>

#include "base/call_path.h"
#include "base/checked.h"
#include "base/copy_words.h"
#include "base/futex.h"
#include "channel/transport/fresh_output.h"
#include "channel/transport/lent_structure.h"
#include "channel/transport/shared_memory_connection.h"
#include "channel/wire/bus_names.h"
#include "channel/wire/io_result.h"

namespace opendext::channel {

namespace {

/// A caller that sleeps looks this often by itself, whatever the driver process wrote over its futex.
constexpr std::chrono::seconds kParkBackstop{1};

/// Who sleeps while the server goes to another processor is woken there.
constexpr std::chrono::milliseconds kLongestMove{1};

AppRange RangeOf(const void *address, uint64_t num_bytes) {
    return {reinterpret_cast<uint64_t>(address), num_bytes};
}

Kept KeptInput(uint8_t reply_flags) {
    if ((reply_flags & kReplyKeptInputPages) != 0) {
        return Kept::kPages;
    }
    return (reply_flags & kReplyKeptInput) != 0 ? Kept::kBytes : Kept::kNothing;
}

/// Whether the server has answered or asks.
bool IsServersTurnOver(uint32_t word, uint64_t ticket) {
    static_assert((static_cast<uint32_t>(ReplyState::kDone) | 1) ==
                  static_cast<uint32_t>(ReplyState::kAsks));
    return (word | 1) == ReplyWord(ticket, ReplyState::kAsks);
}

}  // namespace

/// What a call has outside its slot; few calls do.
struct SharedMemoryConnection::Lent {
    std::optional<LentStructure> input;
    std::optional<LentStructure> output;
    std::optional<MemoryLoans> loans;
};

int32_t SharedMemoryConnection::LendStructures(const ClientCall &call, const CheckedCall &checked,
                                               Lent &lent) {
    const AppRange input = RangeOf(call.structure, checked.num_structure_bytes);
    const AppRange output = RangeOf(call.structure_output, checked.structure_output_capacity);
    int32_t result = kSuccess;
    if (checked.has_input_slice()) {
        const bool is_written = checked.has_output_slice() && RangesOverlap(input, output);
        result = lent.input.emplace(lender_).LendInput(input, is_written);
    }
    if (result == kSuccess && checked.has_output_slice()) {
        result = lent.output.emplace(lender_).LendOutput(output);
    }
    return result != kSuccess && ControlFailure() == kMigServerDied ? kMachSendInvalidDest : result;
}

#pragma clang section text = "opendext_call_app"

int32_t SharedMemoryConnection::Call(const ClientCall &call) {
    if (shared_->server_parked.load(std::memory_order_relaxed) != 0) {
        FetchCallPath(CallSide::kApplication);
    }
    const auto checked = CheckClientCall(call);
    if (!checked) {
        return checked.error();
    }
    if (!gate_.Enter()) {
        return kMachSendInvalidDest;
    }
    uint64_t ticket = 0;
    const int32_t result = CallInGate(call, *checked, ticket);
    const CallGate::Left left = gate_.Leave();
    if (left.has_others && ticket != 0) {
        WakeForTurn(ticket);
    }
    if (left.is_over && !is_peer_gone_.load()) {
        SendClose();
    }
    return result;
}

int32_t SharedMemoryConnection::CallInGate(const ClientCall &call, const CheckedCall &checked,
                                           uint64_t &ticket) {
    Lent lent;
    if (checked.has_input_slice() || checked.has_output_slice()) {
        if (const int32_t result = LendStructures(call, checked, lent); result != kSuccess) {
            return result;
        }
    }
    ticket = last_ticket_.fetch_add(1, std::memory_order_relaxed) + 1;
    CallSlot &slot = shared_->slots[SlotIndex(ticket)];
    AwaitTurn(ticket);
    int32_t result = kMachSendInvalidDest;
    if (!is_peer_gone_.load(std::memory_order_acquire)) {
        const RequestHeader header = Fill(ticket, call, checked, lent);
        const bool was_parked = Submit(slot, ticket);
        if ((header.flags & kRequestInputCopied) != 0) {
            PublishInputPages(ticket, *lent.input);
        }
        result = AwaitReply(slot, ticket, was_parked, lent)
                     ? TakeReply(slot, ticket, header, call, lent)
                     : kMigServerDied;
    }
    PassTurn(ticket);
    return result;
}

void SharedMemoryConnection::AwaitTurn(uint64_t ticket) {
    Turn &turn = turns_[SlotIndex(ticket)];
    const auto mine = static_cast<uint32_t>(ticket / kNumCallSlots);
    if (turn.now.load(std::memory_order_acquire) == mine) {
        return;
    }
    turn.num_waiters.fetch_add(1);
    std::atomic_thread_fence(std::memory_order_seq_cst);  // with that of WakeForTurn
    for (uint32_t now = turn.now.load(); now != mine; now = turn.now.load()) {
        FutexWait(turn.now, now, std::nullopt, FutexScope::kThisProcess);
    }
    turn.num_waiters.fetch_sub(1);
}

void SharedMemoryConnection::PassTurn(uint64_t ticket) {
    turns_[SlotIndex(ticket)].now.store(static_cast<uint32_t>(ticket / kNumCallSlots) + 1,
                                        std::memory_order_release);
}

void SharedMemoryConnection::WakeForTurn(uint64_t ticket) {
    // Who waits was in the gate when this call left it; or it entered later, and then it sees its turn.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    Turn &turn = turns_[SlotIndex(ticket)];
    if (turn.num_waiters.load() != 0) {
        FutexWakeAll(turn.now, FutexScope::kThisProcess);
    }
}

RequestHeader SharedMemoryConnection::Fill(uint64_t ticket, const ClientCall &call,
                                           const CheckedCall &checked, const Lent &lent) {
    CallSlot &slot = shared_->slots[SlotIndex(ticket)];
    CallPayload &payload = shared_->payloads[SlotIndex(ticket)];
    RequestHeader header = {};
    header.selector = call.selector;
    header.num_scalars = static_cast<uint8_t>(checked.num_scalars);
    header.scalar_output_capacity = static_cast<uint8_t>(checked.scalar_output_capacity);
    CopyFewWords(call.scalars, checked.num_scalars, slot.scalars.data());
    if (checked.has_input_slice()) {
        header.flags |= kRequestInputSlice;
        payload.extra.input = lent.input->wire_slice();
        header.flags |= lent.input->is_copy() ? kRequestInputCopied : 0;
    } else if (checked.num_structure_bytes != 0) {
        header.num_inline_bytes = static_cast<uint16_t>(checked.num_structure_bytes);
        std::memcpy(payload.inline_input.data(), call.structure, checked.num_structure_bytes);
    }
    if (checked.has_output_slice()) {
        header.flags |= kRequestOutputSlice;
        payload.extra.output = lent.output->wire_slice();
    } else {
        header.inline_output_capacity = static_cast<uint16_t>(checked.structure_output_capacity);
    }
    if (checked.is_variable_output) {
        header.flags |= kRequestVariableOutput;
    }
    if (call.async != nullptr) {
        header.flags |= kRequestAsync;
        header.num_references = static_cast<uint8_t>(call.async->num_references);
        payload.extra.async_port = call.async->port;
        payload.extra.references = call.async->references;
    }
    slot.request = header;
    return header;
}

bool SharedMemoryConnection::Submit(CallSlot &slot, uint64_t ticket) {
    slot.sequence.store(SequenceOf(ticket), std::memory_order_release);
    // Either the server sees the ticket before it sleeps, or this sees it parked.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    return WakeServer();
}

bool SharedMemoryConnection::WakeServer() {
    if (shared_->server_parked.load() == 0 || shared_->server_parked.exchange(0) == 0) {
        return false;
    }
    FutexWakeAll(shared_->server_parked);
    return true;
}

bool SharedMemoryConnection::AwaitReply(CallSlot &slot, uint64_t ticket, bool was_parked,
                                        Lent &lent) {
    Wait wait = AwaitServer(slot, ticket, was_parked);
    for (; wait == Wait::kAsked; wait = AwaitServer(slot, ticket, false)) {
        if (!lent.loans) {
            lent.loans.emplace(lender_, MemoryLoans::Snapshots::kUntilTheCallEnds);
            if (lent.output) {
                lent.loans->AddWritten(lent.output->range());
            }
        }
        AnswerQuestion(slot, ticket, *lent.loans);
    }
    return wait == Wait::kAnswered;
}

SharedMemoryConnection::Wait SharedMemoryConnection::WaitOf(uint32_t word, uint64_t ticket) const {
    if (word == ReplyWord(ticket, ReplyState::kDone)) {
        return Wait::kAnswered;
    }
    return word == ReplyWord(ticket, ReplyState::kAsks) && !is_peer_gone_.load() ? Wait::kAsked
                                                                                 : Wait::kPeerGone;
}

SharedMemoryConnection::Wait SharedMemoryConnection::AwaitServer(CallSlot &slot, uint64_t ticket,
                                                                 bool was_parked) {
    const auto is_over = [&] {
        const uint32_t word = slot.state.load(std::memory_order_acquire);
        return IsServersTurnOver(word, ticket) || is_peer_gone_.load(std::memory_order_relaxed);
    };
    if (was_parked || !SpinRounds(is_over)) {
        // A server that has not answered by now may be waiting for this very processor.
        GiveWay(slot);
        bool is_seen = was_parked ? spin_.SpinForWoken(is_over) : spin_.Spin(is_over);
        const auto has_moved = [&] { return shared_->server_moves.load() == 0 || is_over(); };
        if (!is_seen && !has_moved() && SpinUntil(has_moved, kLongestMove)) {
            is_seen = spin_.SpinForWoken(is_over);
        }
        if (!is_seen) {
            return AwaitServerParked(slot, ticket);
        }
    }
    // Again: the peer may have answered and gone between the two looks.
    return WaitOf(slot.state.load(std::memory_order_acquire), ticket);
}

void SharedMemoryConnection::GiveWay(CallSlot &slot) {
    GivingWay &way = GivingWay::OfThisProcess();
    if (way.IsWorthwhile()) {
        slot.app_waits.store(GaveWayOn(static_cast<uint32_t>(std::max(sched_getcpu(), 0))));
        way.GiveWay();
        slot.app_waits.store(AppWaits::kAwake);
    }
}

SharedMemoryConnection::Wait SharedMemoryConnection::AwaitServerParked(CallSlot &slot,
                                                                       uint64_t ticket) {
    const uint32_t parked = ReplyWord(ticket, ReplyState::kParked);
    slot.app_waits.store(AppWaits::kSleeps);
    uint32_t word = slot.state.load();
    while (!IsServersTurnOver(word, ticket) && !is_peer_gone_.load()) {
        // When the word changes meanwhile, it is an answer or a question, or the peer is gone.
        if (word == parked || slot.state.compare_exchange_strong(word, parked)) {
            if (!is_peer_gone_.load()) {
                FutexWaitFor(slot.state, parked, kParkBackstop);
            }
            word = slot.state.load();
        }
    }
    slot.app_waits.store(AppWaits::kAwake);
    return WaitOf(slot.state.load(), ticket);
}

int32_t SharedMemoryConnection::TakeBack(const ReplyHeader &reply, Lent &lent) {
    if (lent.loans) {
        lent.loans->TakeBack((reply.flags & kReplyKeptMemory) != 0);
    }
    if (lent.input) {
        (void)lent.input->TakeBack(KeptInput(reply.flags));
    }
    return lent.output ? lent.output->TakeBack(
                             (reply.flags & kReplyKeptOutput) != 0 ? Kept::kPages : Kept::kNothing)
                       : kSuccess;
}

int32_t SharedMemoryConnection::TakeReply(CallSlot &slot, uint64_t ticket,
                                          const RequestHeader &request, const ClientCall &call,
                                          Lent &lent) {
    const ReplyHeader reply = CopyOut(slot.reply);
    // Also of a failed call: what the driver wrote to an output in memory has been written.
    const int32_t taken_back = TakeBack(reply, lent);
    if (reply.result != kSuccess) {
        return reply.result;
    }
    if (!ReplyIsValid(reply, request)) {
        return kIoIpcError;
    }
    if (call.num_scalar_output != nullptr) {
        CopyFewWords(slot.scalar_output.data(), reply.num_scalars, call.scalar_output);
        *call.num_scalar_output = reply.num_scalars;
    }
    if ((request.flags & kRequestVariableOutput) != 0) {
        return TakeVariableOutput(ticket, reply, call);
    }
    if ((request.flags & kRequestOutputSlice) != 0) {
        // The count stays the full size, however little was written (semantics.md 2.5).
        return taken_back;
    }
    if (call.num_structure_output != nullptr) {
        if (reply.num_structure_bytes != 0) {
            const CallPayload &payload = shared_->payloads[SlotIndex(ticket)];
            std::memcpy(call.structure_output, payload.inline_output.data(),
                        reply.num_structure_bytes);
        }
        *call.num_structure_output = reply.num_structure_bytes;
    }
    return kSuccess;
}

#pragma clang section text = ""

int32_t SharedMemoryConnection::TakeVariableOutput(uint64_t ticket, const ReplyHeader &reply,
                                                   const ClientCall &call) {
    if ((reply.flags & kReplyVariableOutput) == 0) {
        const CallPayload &payload = shared_->payloads[SlotIndex(ticket)];
        return GiveFreshOutput({payload.inline_output.data(), reply.num_structure_bytes}, call);
    }
    UniqueFd fd;
    SharedSlice slice;
    const bool is_answered = peer_->Call(
        {bus::connection::kInterface, bus::connection::kTakeOutput},
        [ticket](MessageWriter &writer) { writer.U64(ticket); },
        [&](MessageReader &reader) {
            if (!reader.Bool()) {
                reader.Fail();
            }
            fd = reader.OptionalFd();
            slice.offset = reader.U64();
            slice.length = reader.U64();
        });
    if (!is_answered) {
        return ControlFailure();
    }
    const auto end = CheckedAdd(slice.offset, slice.length);
    auto region = end ? SharedRegion::Adopt(std::move(fd), *end) : std::unexpected(0);
    if (!region) {
        return kIoIpcError;
    }
    slice.region = std::move(*region);
    return GiveFreshOutput(slice, call);
}

}  // namespace opendext::channel
