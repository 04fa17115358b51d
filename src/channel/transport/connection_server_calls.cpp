// SPDX-License-Identifier: Apache-2.0
// The serving of one call slot.
#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <utility>

#include "base/copy_words.h"
#include "base/futex.h"
#include "channel/transport/connection_server.h"
#include "channel/wire/io_result.h"

namespace opendext::channel {

#pragma clang section text = "opendext_call_driver"

namespace {

/// Variable outputs that wait for the application to fetch them; each holds memory of the driver.
constexpr size_t kMaxLargeOutputs = size_t{4} * kNumCallSlots;

uint8_t FlagsOf(const CallReply &reply) {
    uint8_t flags = reply.kept_structure_output_slice != Kept::kNothing ? kReplyKeptOutput : 0;
    if (reply.kept_structure_slice == Kept::kPages) {
        flags |= kReplyKeptInputPages;
    } else if (reply.kept_structure_slice == Kept::kBytes) {
        flags |= kReplyKeptInput;
    }
    return flags;
}

void CopyWordsOut(const uint64_t *shared, uint64_t *to, size_t num_words) {
    for (size_t i = 0; i < num_words; ++i) {
        to[i] = __atomic_load_n(&shared[i], __ATOMIC_RELAXED);
    }
}

}  // namespace

/// Of the call that is served.
class ConnectionServer::AwaitedInputOwner final : public InputOwner {
public:
    AwaitedInputOwner(ConnectionServer &server, uint64_t ticket, uint64_t length)
        : server_(server), ticket_(ticket), length_(length) {}

    std::optional<SharedSlice> FilePages() override {
        return server_.AwaitInputPages(ticket_, length_);
    }

private:
    ConnectionServer &server_;
    const uint64_t ticket_;
    const uint64_t length_;
};

/// Private memory for what a request brings. Not initialised: only what a request uses is written and read.
struct ConnectionServer::CallBuffers {
    std::array<uint64_t, kMaxScalars> scalars;
    std::array<std::byte, kMaxInlineBytes> structure;
    std::optional<SharedSlice> input;
    std::optional<AwaitedInputOwner> input_owner;
    std::optional<SharedSlice> output;
    std::optional<AsyncTarget> async;
};

int32_t ConnectionServer::ReadRequest(uint64_t ticket, const RequestHeader &header,
                                      CallBuffers &buffers, CallRequest &request) {
    const CallSlot &slot = shared_->slots[SlotIndex(ticket)];
    const CallPayload &payload = shared_->payloads[SlotIndex(ticket)];
    CopyWordsOut(slot.scalars.data(), buffers.scalars.data(), header.num_scalars);
    request.selector = header.selector;
    request.scalars = {buffers.scalars.data(), header.num_scalars};
    request.scalar_output_capacity = header.scalar_output_capacity;
    request.structure_output_capacity = (header.flags & kRequestVariableOutput) != 0
                                            ? kVariableOutput
                                            : header.inline_output_capacity;
    if (header.num_inline_bytes != 0) {
        std::memcpy(buffers.structure.data(), payload.inline_input.data(), header.num_inline_bytes);
        request.structure = {buffers.structure.data(), header.num_inline_bytes};
    }
    const bool has_extra =
        (header.flags & (kRequestInputSlice | kRequestOutputSlice | kRequestAsync)) != 0;
    return has_extra ? ReadExtra(ticket, header, buffers, request) : kSuccess;
}

#pragma clang section text = ""

[[gnu::noinline]] int32_t ConnectionServer::ReadExtra(uint64_t ticket, const RequestHeader &header,
                                                      CallBuffers &buffers, CallRequest &request) {
    const CallExtra extra = CopyOut(shared_->payloads[SlotIndex(ticket)].extra);
    if ((header.flags & kRequestInputSlice) != 0 && extra.input.length > kMaxInlineBytes) {
        buffers.input = regions_.Resolve(extra.input);
        request.structure_slice = buffers.input ? &*buffers.input : nullptr;
    }
    if ((header.flags & kRequestInputCopied) != 0) {
        request.structure_owner = &buffers.input_owner.emplace(*this, ticket, extra.input.length);
    }
    if ((header.flags & kRequestOutputSlice) != 0 && extra.output.length > kMaxInlineBytes) {
        buffers.output = regions_.Resolve(extra.output);
        request.structure_output_slice = buffers.output ? &*buffers.output : nullptr;
    }
    if ((header.flags & kRequestAsync) != 0) {
        buffers.async = AsyncTarget{.port = extra.async_port,
                                    .references = extra.references,
                                    .num_references = header.num_references};
        request.async = &*buffers.async;
    }
    const bool lacks_input = (header.flags & kRequestInputSlice) != 0 && !buffers.input;
    const bool lacks_output = (header.flags & kRequestOutputSlice) != 0 && !buffers.output;
    return lacks_input || lacks_output ? kIoIpcError : kSuccess;
}

#pragma clang section text = "opendext_call_driver"

ReplyHeader ConnectionServer::TakeReply(CallSlot &slot, const RequestHeader &header,
                                        uint64_t ticket, CallReply &reply) {
    ReplyHeader answer = {.result = reply.result,
                          .num_scalars = 0,
                          .flags = 0,
                          .reserved = 0,
                          .num_structure_bytes = 0};
    answer.flags = FlagsOf(reply);
    if (reply.result != kSuccess) {
        return answer;
    }
    answer.num_scalars =
        static_cast<uint8_t>(std::min<uint32_t>(reply.num_scalars, header.scalar_output_capacity));
    CopyFewWords(reply.scalars.data(), answer.num_scalars, slot.scalar_output.data());
    answer.num_structure_bytes =
        std::min<uint64_t>(reply.num_structure_bytes, reply.structure.size());
    if ((header.flags & kRequestVariableOutput) != 0 && reply.variable_output.region != nullptr) {
        KeepLargeOutput(ticket, reply, answer);
    }
    return answer;
}

#pragma clang section text = ""

[[gnu::noinline]] void ConnectionServer::KeepLargeOutput(uint64_t ticket, CallReply &reply,
                                                         ReplyHeader &answer) {
    const std::lock_guard lock(mutex_);
    if (large_outputs_.size() >= kMaxLargeOutputs) {
        answer = {.result = kIoNoMemory,
                  .num_scalars = 0,
                  .flags = answer.flags,
                  .reserved = 0,
                  .num_structure_bytes = 0};
        return;
    }
    large_outputs_.insert_or_assign(ticket, std::move(reply.variable_output));
    answer.flags |= kReplyVariableOutput;
    answer.num_structure_bytes = 0;
}

#pragma clang section text = "opendext_call_driver"

ReplyHeader ConnectionServer::CallPort(CallSlot &slot, const RequestHeader &header,
                                       uint64_t ticket) {
    CallBuffers buffers;
    CallRequest request;
    CallReply reply;
    std::array<uint64_t, kMaxScalars> scalar_output = {};
    bool has_kept_memory = false;
    reply.result = ValidateRequest(header);
    if (reply.result == kSuccess) {
        reply.result = ReadRequest(ticket, header, buffers, request);
    }
    if (reply.result == kSuccess) {
        const bool is_variable = (header.flags & kRequestVariableOutput) != 0;
        const size_t num_output_bytes =
            is_variable ? kMaxInlineBytes : header.inline_output_capacity;
        reply.scalars = {scalar_output.data(), header.scalar_output_capacity};
        CallPayload &payload = shared_->payloads[SlotIndex(ticket)];
        reply.structure = {payload.inline_output.data(), num_output_bytes};
        ask_gate_.Open(ticket);
        port_->Call(request, reply);
        has_kept_memory = EndAsking();
    }
    ReplyHeader answer = TakeReply(slot, header, ticket, reply);
    answer.flags |= has_kept_memory ? kReplyKeptMemory : 0;
    return answer;
}

AppWaits ConnectionServer::Serve(uint64_t ticket) {
    CallSlot &slot = shared_->slots[SlotIndex(ticket)];
    const RequestHeader header = CopyOut(slot.request);
    slot.reply = CallPort(slot, header, ticket);
    return Tell(slot, ReplyWord(ticket, ReplyState::kDone));
}

AppWaits ConnectionServer::Tell(CallSlot &slot, uint32_t word) {
    slot.state.store(word, std::memory_order_release);
    // Either the application sees the word before it sleeps, or this sees it parked.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    const AppWaits waits = slot.app_waits.load(std::memory_order_relaxed);
    if (waits == AppWaits::kSleeps) {
        FutexWakeAll(slot.state);
    }
    return waits;
}

#pragma clang section text = ""

}  // namespace opendext::channel
