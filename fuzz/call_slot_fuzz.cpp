// SPDX-License-Identifier: Apache-2.0
// A hostile application writes arbitrary bytes over the call region while the driver process serves it. Nothing
// outside the region may be touched, and an honest call afterwards must be answered.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <thread>

#include "base/futex.h"
#include "channel/transport/connection_server.h"
#include "channel/wire/io_result.h"

namespace {

using namespace opendext;
using namespace opendext::channel;

/// Reads all that a request offers, and writes all the room there is.
class GreedyUserClient final : public UserClientPort {
public:
    void Attach(CompletionSink *, ClientMemorySource *) override {}
    void Detach() override {}
    void Call(const CallRequest &request, CallReply &reply) override {
        uint64_t sum = request.selector;
        for (const uint64_t scalar : request.scalars) {
            sum += scalar;
        }
        for (const std::byte byte : request.structure) {
            sum += std::to_integer<uint64_t>(byte);
        }
        if (request.async != nullptr && request.async->num_references > kMaxAsyncReferences) {
            abort();
        }
        if (request.scalars.size() > kMaxScalars || request.structure.size() > kMaxInlineBytes ||
            reply.scalars.size() > kMaxScalars || reply.structure.size() > kMaxInlineBytes) {
            abort();
        }
        std::fill(reply.scalars.begin(), reply.scalars.end(), sum);
        std::fill(reply.structure.begin(), reply.structure.end(), std::byte{1});
        for (const SharedSlice *slice : {request.structure_slice, request.structure_output_slice}) {
            if (slice != nullptr && slice->region != nullptr) {
                std::memset(slice->region->Writable() + slice->offset, 2, slice->length);
            }
        }
        if (request.structure_owner != nullptr) {
            const auto pages = request.structure_owner->FilePages();
            if (pages && pages->length != 0) {
                std::memset(pages->region->Writable() + pages->offset, 3, pages->length);
            }
        }
        reply.num_scalars = static_cast<uint32_t>(sum);
        reply.num_structure_bytes = sum;
    }
    std::expected<SharedMemoryGrant, int32_t> MapMemory(uint64_t) override {
        return std::unexpected(kIoBadArgument);
    }
    std::expected<uint64_t, int32_t> UnmapMemory(uint64_t) override {
        return std::unexpected(kIoBadArgument);
    }
    int32_t GiveLink(LinkKind, std::string_view, std::shared_ptr<EventLink>) override {
        return kIoBadArgument;
    }
    void Close() override {}
};

/// One server for all inputs: a connection outlives many calls.
struct Target {
    std::unique_ptr<BusThread> bus_thread = *BusThread::Start("fuzz-bus");
    std::unique_ptr<ConnectionServer> server =
        *ConnectionServer::Start(*bus_thread, std::make_shared<GreedyUserClient>(), nullptr);
    TransportEndpoint endpoint = server->MakeEndpoint();
    std::shared_ptr<SharedRegion> region =
        *SharedRegion::Adopt(std::move(endpoint.region), sizeof(CallRegion));
    CallRegion *shared = reinterpret_cast<CallRegion *>(region->Writable());
    uint64_t next_ticket = 1;

    void SubmitAndAwait() {
        CallSlot &slot = shared->slots[SlotIndex(next_ticket)];
        slot.sequence.store(SequenceOf(next_ticket));
        shared->server_parked.store(0);
        FutexWakeAll(shared->server_parked);
        while (slot.state.load() != ReplyWord(next_ticket, ReplyState::kDone)) {
            std::this_thread::yield();
        }
        ++next_ticket;
    }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t num_bytes) {
    static auto *target = new Target;
    CallSlot &slot = target->shared->slots[SlotIndex(target->next_ticket)];
    CallPayload &payload = target->shared->payloads[SlotIndex(target->next_ticket)];
    // The input overlays the slot from its request on, then its payload; `sequence` is the only word that has a rule.
    auto *const request = reinterpret_cast<std::byte *>(&slot.request);
    constexpr size_t kRequestBytes = offsetof(CallSlot, state) - offsetof(CallSlot, request);
    constexpr size_t kExtraBytes = sizeof(CallExtra);
    const size_t num_request = std::min(num_bytes, kRequestBytes);
    const size_t num_extra = std::min(num_bytes - num_request, kExtraBytes);
    const size_t num_inline =
        std::min(num_bytes - num_request - num_extra, payload.inline_input.size());
    if (num_bytes != 0) {
        slot.app_waits.store(static_cast<AppWaits>(data[num_bytes - 1] % 4));
        std::memcpy(request, data, num_request);
        std::memcpy(&payload.extra, data + num_request, num_extra);
        std::memcpy(payload.inline_input.data(), data + num_request + num_extra, num_inline);
        std::memcpy(&payload.pages.slice, payload.inline_input.data(), sizeof(WireSlice));
        payload.pages.known.store(PagesWord(target->next_ticket, true));
    }
    std::thread scribbler([&] {
        // The header changes while the server looks at it.
        for (size_t i = 0; i < num_bytes && i < 256; ++i) {
            __atomic_store_n(reinterpret_cast<uint8_t *>(request) + i % kRequestBytes,
                             data[num_bytes - 1 - i], __ATOMIC_RELAXED);
        }
    });
    target->SubmitAndAwait();
    scribbler.join();
    CallSlot &honest = target->shared->slots[SlotIndex(target->next_ticket)];
    honest.request = {};
    target->SubmitAndAwait();
    if (CopyOut(honest.reply).result != kSuccess) {
        abort();
    }
    return 0;
}
