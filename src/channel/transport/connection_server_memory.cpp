// SPDX-License-Identifier: Apache-2.0
// What the driver asks of its application's memory.
#include <sched.h>
#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

#include "channel/transport/connection_server.h"
#include "channel/wire/bus_names.h"
#include "channel/wire/io_result.h"

namespace opendext::channel {

namespace {

/// What two threads know of a question outside calls. Guarded by the server's mutex, but for the question.
struct PendingQuestion {
    MemoryQuestion question;
    std::optional<std::expected<std::vector<ClientMemoryPiece>, int32_t>> answer;
};

std::vector<uint64_t> WordsOf(const MemoryQuestion &question) {
    std::vector<uint64_t> words;
    for (const ClientSegment &segment : std::span(question.segments).first(question.num_segments)) {
        words.push_back(segment.address);
        words.push_back(segment.length);
    }
    return words;
}

std::vector<WireSlice> ReadSlices(MessageReader &reader) {
    constexpr size_t kWordsPerSlice = 3;
    const std::vector<uint64_t> words = reader.U64List(kMaxAnswerSlices * kWordsPerSlice);
    std::vector<WireSlice> slices;
    for (size_t i = 0; i + kWordsPerSlice <= words.size(); i += kWordsPerSlice) {
        slices.push_back({words[i], words[i + 1], words[i + 2]});
    }
    return slices;
}

}  // namespace

/// A private copy of what the application answered, not checked.
struct ConnectionServer::Answer {
    int32_t result = 0;
    std::vector<WireSlice> slices;
};

ConnectionServer::Pieces ConnectionServer::ShareMemory(const ClientMemoryRequest &request) {
    if (request.segments.size() > kMaxClientSegments) {
        return std::unexpected(kIoBadArgument);
    }
    const MemoryQuestion question = QuestionOf(request);
    if (!QuestionIsValid(question)) {
        return std::unexpected(kIoBadArgument);
    }
    {
        const std::lock_guard lock(asking_);
        if (const uint64_t ticket = ask_gate_.Enter(); ticket != 0) {
            const auto answer = AskInCall(ticket, question);
            Pieces pieces = answer ? PiecesOf(answer->result, answer->slices, question)
                                   : std::unexpected(kMachSendInvalidDest);
            if (pieces && !request.is_shared) {
                snapshots_.push_back(pieces->front().lease);
            }
            ask_gate_.Leave();
            return pieces;
        }
    }
    return AskOutsideCalls(question);
}

std::optional<SharedSlice> ConnectionServer::AskForInputPages(uint64_t ticket, uint64_t length) {
    const std::lock_guard lock(asking_);
    const uint64_t entered = ask_gate_.Enter();
    if (entered == 0) {
        return std::nullopt;
    }
    std::optional<SharedSlice> pages;
    if (entered == ticket) {
        MemoryQuestion question = {};
        question.flags = kQuestionInputPages;
        const auto answer = AskInCall(ticket, question);
        if (answer && answer->result == kSuccess && answer->slices.size() == 1 &&
            answer->slices.front().length == length) {
            pages = regions_.Resolve(answer->slices.front());
        }
    }
    ask_gate_.Leave();
    return pages;
}

std::optional<ConnectionServer::Answer> ConnectionServer::AskInCall(
    uint64_t ticket, const MemoryQuestion &question) {
    CallSlot &slot = shared_->slots[SlotIndex(ticket)];
    const uint32_t asks = ReplyWord(ticket, ReplyState::kAsks);
    std::memcpy(&shared_->question, &question,
                offsetof(MemoryQuestion, segments) + question.num_segments * sizeof(ClientSegment));
    if (Tell(slot, asks)) {
        sched_yield();  // it may be waiting for this very processor
    }
    AwaitApplication(ask_spin_, [&] {
        return slot.state.load(std::memory_order_acquire) != asks ||
               stop_.load(std::memory_order_relaxed);
    });
    if (stop_.load()) {
        return std::nullopt;
    }
    const MemoryAnswerHeader header = CopyOut(shared_->answer.header);
    Answer answer{.result = header.result, .slices = {}};
    for (uint32_t i = 0; i < std::min(header.num_slices, kMaxAnswerSlices); ++i) {
        answer.slices.push_back(CopyOut(shared_->answer.slices[i]));
    }
    return answer;
}

bool ConnectionServer::EndAsking() {
    ask_gate_.Close();
    if (snapshots_.empty()) {
        return false;
    }
    const bool is_kept =
        std::ranges::any_of(snapshots_, [](const auto &lease) { return !lease.expired(); });
    snapshots_.clear();
    return is_kept;
}

ConnectionServer::Pieces ConnectionServer::AskOutsideCalls(const MemoryQuestion &question) {
    const auto pending = std::make_shared<PendingQuestion>();
    pending->question = question;
    peer_->CallAsync(
        {bus::connection::kInterface, bus::connection::kShareMemory},
        [pending](MessageWriter &writer) {
            writer.U32(pending->question.flags);
            writer.U64List(WordsOf(pending->question));
        },
        [this, pending](MessageReader *reader) {
            // Here, because the application's next message may take the regions back.
            Pieces pieces = std::unexpected(kMachSendInvalidDest);
            if (reader != nullptr) {
                const int32_t result = reader->I32();
                const std::vector<WireSlice> slices = ReadSlices(*reader);
                pieces = reader->is_ok() ? PiecesOf(result, slices, pending->question)
                                         : std::unexpected(kIoIpcError);
            }
            const std::lock_guard lock(mutex_);
            pending->answer = std::move(pieces);
            answered_.notify_all();
        });
    std::unique_lock lock(mutex_);
    answered_.wait(lock, [&] { return pending->answer.has_value() || stop_.load(); });
    return stop_.load() ? std::unexpected(kMachSendInvalidDest) : *std::move(pending->answer);
}

ConnectionServer::Pieces ConnectionServer::PiecesOf(int32_t result,
                                                    std::span<const WireSlice> slices,
                                                    const MemoryQuestion &question) {
    if (result != kSuccess) {
        return std::unexpected(result == kIoNoMemory ? kIoNoMemory : kIoIpcError);
    }
    if (!AnswerCovers(slices, std::span(question.segments).first(question.num_segments))) {
        return std::unexpected(kIoIpcError);
    }
    const auto lease = std::make_shared<const char>('\0');
    std::vector<ClientMemoryPiece> pieces;
    for (const WireSlice &slice : slices) {
        auto resolved = regions_.Resolve(slice);
        if (!resolved) {
            return std::unexpected(kIoIpcError);
        }
        pieces.push_back({*std::move(resolved), lease});
    }
    return pieces;
}

}  // namespace opendext::channel
