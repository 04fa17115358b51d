// SPDX-License-Identifier: Apache-2.0
// What the driver asks of its application's memory.
#include <sched.h>
#include <algorithm>
#include <chrono>
#include <cstring>
#include <memory>
#include <optional>
#include <thread>
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

std::optional<SharedSlice> ConnectionServer::AwaitInputPages(uint64_t ticket, uint64_t length) {
    // It looks right after it has submitted the call, which takes a microsecond. One that was stopped just then may say
    // nothing for ever, and then the copy does.
    constexpr int kMostMilliseconds = 100;
    const PublishedPages &pages = shared_->payloads[SlotIndex(ticket)].pages;
    uint32_t known = 0;
    const auto is_known = [&] {
        known = pages.known.load(std::memory_order_acquire);
        return (known | 1) == PagesWord(ticket, true) || stop_.load(std::memory_order_relaxed);
    };
    bool is_over = SpinUntil(is_known, SpinBudget::kMost);
    for (int i = 0; i < kMostMilliseconds && !is_over; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        is_over = is_known();
    }
    if (known != PagesWord(ticket, true)) {
        return std::nullopt;
    }
    const WireSlice slice = CopyOut(pages.slice);
    auto resolved = slice.length == length ? regions_.Resolve(slice) : std::nullopt;
    return resolved && resolved->region != nullptr ? resolved : std::nullopt;
}

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
            Pieces pieces = AskInCall(ticket, question);
            ask_gate_.Leave();
            return pieces;
        }
    }
    return AskOutsideCalls(question);
}

ConnectionServer::Pieces ConnectionServer::AskInCall(uint64_t ticket,
                                                     const MemoryQuestion &question) {
    CallSlot &slot = shared_->slots[SlotIndex(ticket)];
    const uint32_t asks = ReplyWord(ticket, ReplyState::kAsks);
    std::memcpy(&shared_->question, &question,
                offsetof(MemoryQuestion, segments) + question.num_segments * sizeof(ClientSegment));
    if (HasGivenWay(Tell(slot, asks))) {
        sched_yield();  // it may be waiting for this very processor
    }
    AwaitApplication(ask_spin_, [&] {
        return slot.state.load(std::memory_order_acquire) != asks ||
               stop_.load(std::memory_order_relaxed);
    });
    if (stop_.load()) {
        return std::unexpected(kMachSendInvalidDest);
    }
    const MemoryAnswerHeader header = CopyOut(shared_->answer.header);
    std::vector<WireSlice> slices;
    for (uint32_t i = 0; i < std::min(header.num_slices, kMaxAnswerSlices); ++i) {
        slices.push_back(CopyOut(shared_->answer.slices[i]));
    }
    Pieces pieces = PiecesOf(header.result, slices, question);
    if (pieces && (question.flags & kQuestionShared) == 0) {
        snapshots_.push_back(pieces->front().lease);
    }
    return pieces;
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
