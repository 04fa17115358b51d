// SPDX-License-Identifier: Apache-2.0
// The application's memory for its driver.
#include <algorithm>
#include <utility>

#include "base/futex.h"
#include "channel/transport/shared_memory_connection.h"
#include "channel/wire/bus_names.h"
#include "channel/wire/io_result.h"

namespace opendext::channel {

namespace names = bus::connection;

namespace {

/// Of segments in turn as WordsOf (connection_server_memory.cpp) writes them; invalid when they are not.
MemoryQuestion ReadQuestion(MessageReader &reader) {
    MemoryQuestion question = {};
    question.flags = reader.U32();
    const std::vector<uint64_t> words = reader.U64List(size_t{2} * kMaxClientSegments);
    if (!reader.is_ok() || words.size() % 2 != 0) {
        return {};
    }
    question.num_segments = static_cast<uint32_t>(words.size() / 2);
    for (size_t i = 0; i < question.num_segments; ++i) {
        question.segments[i] = {words[2 * i], words[2 * i + 1]};
    }
    return question;
}

}  // namespace

uint64_t SharedMemoryConnection::RegisterRegion(SharedRegion &region) {
    const uint64_t region_id = last_region_id_.fetch_add(1, std::memory_order_relaxed) + 1;
    bool is_taken = false;
    const bool is_answered = peer_->Call(
        {names::kInterface, names::kRegisterRegion},
        [&](MessageWriter &writer) {
            writer.U64(region_id);
            writer.Fd(region.ExportFd());
            writer.U64(region.num_bytes());
        },
        [&](MessageReader &reader) { is_taken = reader.Bool(); });
    return is_answered && is_taken ? region_id : 0;
}

void SharedMemoryConnection::DropRegion(uint64_t region_id) {
    peer_->Emit({names::kInterface, names::kDropRegion},
                [region_id](MessageWriter &writer) { writer.U64(region_id); });
}

void SharedMemoryConnection::TrimAfter(std::chrono::milliseconds delay) {
    bus_thread_.After(delay, [this, is_alive = is_alive_] {
        if (*is_alive) {
            lender_.TrimIdle();
        }
    });
}

void SharedMemoryConnection::ExpectCall() {
    WakeServer();
}

void SharedMemoryConnection::AnswerQuestion(CallSlot &slot, uint64_t ticket, MemoryLoans &loans) {
    const MemoryQuestion question = CopyOut(shared_->question);
    LentMemory lent{.result = kIoBadArgument, .pieces = {}};
    if (QuestionIsValid(question)) {
        lent = loans.Lend(RequestOf(question));
    }
    MemoryAnswer &answer = shared_->answer;
    std::ranges::copy(lent.wire_slices(), answer.slices.begin());
    answer.header = {.result = lent.result,
                     .num_slices = static_cast<uint32_t>(lent.pieces.size())};
    // Sequentially consistent: either the server sees it before it sleeps, or this sees it parked.
    uint32_t asks = ReplyWord(ticket, ReplyState::kAsks);
    slot.state.compare_exchange_strong(asks, ReplyWord(ticket, ReplyState::kNone));
    WakeServer();
}

void SharedMemoryConnection::PublishInputPages(uint64_t ticket, LentStructure &input) {
    PublishedPages &published = shared_->payloads[SlotIndex(ticket)].pages;
    const LentPages *const pages = input.FindOwnPages();
    if (pages != nullptr) {
        published.slice = pages->wire_slice();
    }
    published.known.store(PagesWord(ticket, pages != nullptr), std::memory_order_release);
}

int SharedMemoryConnection::OnShareMemory(sd_bus_message *call) {
    MessageReader reader(call);
    const MemoryQuestion question = ReadQuestion(reader);
    if (!QuestionIsValid(question) || !is_attached_.load() || gate_.is_shut()) {
        return RejectCall(call);
    }
    requests_.Post([this, question, reply = DeferredReply(bus_thread_, call)]() mutable {
        MemoryLoans loans(lender_, MemoryLoans::Snapshots::kForGood);
        const LentMemory lent = loans.Lend(RequestOf(question));
        reply.Send([result = lent.result, slices = lent.wire_slices()](MessageWriter &writer) {
            std::vector<uint64_t> words;
            for (const WireSlice &slice : slices) {
                words.insert(words.end(), {slice.region_id, slice.offset, slice.length});
            }
            writer.I32(result);
            writer.U64List(words);
        });
        // The loans end after the answer is on its way: what they tell the peer comes after it.
    });
    return 1;
}

}  // namespace opendext::channel
