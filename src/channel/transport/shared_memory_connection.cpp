// SPDX-License-Identifier: Apache-2.0
#include "channel/transport/shared_memory_connection.h"

#include <algorithm>
#include <new>
#include <utility>
#include <vector>

#include "base/checked.h"
#include "base/futex.h"
#include "channel/wire/bus_names.h"
#include "channel/wire/io_result.h"

namespace opendext::channel {

namespace names = bus::connection;

namespace {

const sd_bus_vtable kConnectionVtable[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_METHOD(names::kShareMemory, names::kShareMemoryIn, names::kShareMemoryOut,
                  kBusHandler<&SharedMemoryConnection::OnShareMemory>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_VTABLE_END,
};

/// @return false when the driver process sent what AsyncCompletion cannot be.
bool ReadCompletion(MessageReader &reader, AsyncCompletion &completion) {
    completion.target.port = reader.U64();
    const std::vector<uint64_t> references = reader.U64List(kMaxAsyncReferences);
    completion.result = reader.I32();
    const std::vector<uint64_t> arguments = reader.U64List(kMaxAsyncArguments);
    std::copy(references.begin(), references.end(), completion.target.references.begin());
    completion.target.num_references = static_cast<uint32_t>(references.size());
    std::copy(arguments.begin(), arguments.end(), completion.arguments.begin());
    completion.num_arguments = static_cast<uint32_t>(arguments.size());
    return reader.is_ok();
}

/// Appends the pieces of a message to those of a grant. One whose region is not what it should be has none.
void ReadSlices(MessageReader &reader, std::vector<SharedSlice> &slices) {
    std::vector<UniqueFd> fds = reader.FdList(kMaxMessageSlices);
    const std::vector<uint64_t> offsets = reader.U64List(kMaxMessageSlices);
    const std::vector<uint64_t> lengths = reader.U64List(kMaxMessageSlices);
    if (offsets.size() != fds.size() || lengths.size() != fds.size()) {
        reader.Fail();
        return;
    }
    for (size_t i = 0; i < fds.size(); ++i) {
        const auto end = CheckedAdd(offsets[i], lengths[i]);
        auto region = end ? SharedRegion::Adopt(std::move(fds[i]), *end) : std::unexpected(0);
        slices.push_back({.region = region ? std::move(*region) : nullptr,
                          .offset = offsets[i],
                          .length = lengths[i]});
    }
}

}  // namespace

SharedMemoryConnection::SharedMemoryConnection(BusThread &bus_thread,
                                               std::shared_ptr<SharedRegion> region)
    : bus_thread_(bus_thread),
      region_(std::move(region)),
      shared_(std::launder(reinterpret_cast<CallRegion *>(region_->Writable()))) {
    // Ticket t is the (t / kNumCallSlots)th of its slot, and slot 0 starts with ticket kNumCallSlots.
    turns_[0].now.store(1);
}

std::expected<std::shared_ptr<SharedMemoryConnection>, int32_t> SharedMemoryConnection::Attach(
    BusThread &bus_thread, TransportEndpoint endpoint, CompletionSink *sink) {
    auto region = SharedRegion::Adopt(std::move(endpoint.region), sizeof(CallRegion));
    if (!region || (*region)->Writable() == nullptr) {
        return std::unexpected(kIoIpcError);
    }
    std::shared_ptr<SharedMemoryConnection> connection(
        new SharedMemoryConnection(bus_thread, std::move(*region)));
    const CallRegion &shared = *connection->shared_;
    if (shared.magic != kChannelMagic || shared.version != kChannelVersion ||
        shared.num_slots != kNumCallSlots) {
        return std::unexpected(kIoIpcError);
    }
    SharedMemoryConnection *const raw = connection.get();
    auto peer = BusPeer::Attach(
        bus_thread, std::move(endpoint.control), BusSide::kClient, [raw] { raw->OnPeerGone(); },
        [raw, sink](BusPeer &made) { raw->SetUpPeer(made, sink); });
    if (!peer) {
        return std::unexpected(kIoIpcError);
    }
    connection->peer_ = std::move(*peer);
    connection->is_attached_.store(true);
    return connection;
}

void SharedMemoryConnection::SetUpPeer(BusPeer &peer, CompletionSink *sink) {
    peer.AddVtable(names::kInterface, kConnectionVtable, this);
    peer.AddSignalHandler(
        {names::kInterface, names::kCompletion}, [this, sink](MessageReader &reader) {
            AsyncCompletion completion;
            if (ReadCompletion(reader, completion) && sink != nullptr && !gate_.is_shut()) {
                sink->Complete(completion);
            }
        });
}

SharedMemoryConnection::~SharedMemoryConnection() {
    Close();
    bus_thread_.RunAndWait([this] { *is_alive_ = false; });
    if (peer_ != nullptr) {
        peer_->Disconnect();  // ends the waiting of a request that runs
    }
    requests_.Stop();
}

void SharedMemoryConnection::Close() {
    const bool was_shut = gate_.is_shut();
    if (gate_.Shut() && !was_shut) {
        SendClose();
    }
    mappings_.UnmapAll();
    links_.CancelAll();
}

void SharedMemoryConnection::SendClose() {
    lender_.TrimAll();
    if (peer_ != nullptr) {
        peer_->Emit({names::kInterface, names::kClose}, [](MessageWriter &) {});
    }
}

void SharedMemoryConnection::OnPeerGone() {
    is_peer_gone_.store(true);
    gate_.Shut();
    links_.CancelAll();
    for (CallSlot &slot : shared_->slots) {
        uint32_t word = slot.state.load();
        if ((word & 3) == static_cast<uint32_t>(ReplyState::kParked)) {
            slot.state.compare_exchange_strong(word,
                                               word - static_cast<uint32_t>(ReplyState::kParked));
        }
        FutexWakeAll(slot.state);
    }
}

int32_t SharedMemoryConnection::ControlFailure() const {
    return is_peer_gone_.load() || !peer_->is_connected() ? kMigServerDied : kIoIpcError;
}

std::expected<ClientMapping, int32_t> SharedMemoryConnection::MapMemory(uint64_t type,
                                                                        std::byte *fixed_address) {
    if (gate_.is_shut()) {
        return std::unexpected(kMachSendInvalidDest);
    }
    SharedMemoryGrant grant;
    int32_t result = kSuccess;
    uint64_t ticket = 0;
    bool is_answered = peer_->Call(
        {names::kInterface, names::kMapMemory}, [type](MessageWriter &writer) { writer.U64(type); },
        [&](MessageReader &reader) {
            result = reader.I32();
            grant.read_only = reader.Bool();
            grant.id = reader.U64();
            ticket = reader.U64();
            ReadSlices(reader, grant.slices);
        });
    while (is_answered && ticket != 0) {
        is_answered = TakePieces(ticket, grant.slices);
    }
    if (!is_answered) {
        return std::unexpected(ControlFailure());
    }
    if (result != kSuccess) {
        return std::unexpected(result);
    }
    return mappings_.Map(grant, fixed_address);
}

bool SharedMemoryConnection::TakePieces(uint64_t &ticket, std::vector<SharedSlice> &slices) {
    const size_t num_before = slices.size();
    uint64_t next_ticket = 0;
    const bool is_answered = peer_->Call(
        {names::kInterface, names::kTakePieces},
        [ticket](MessageWriter &writer) { writer.U64(ticket); },
        [&](MessageReader &reader) {
            next_ticket = reader.U64();
            ReadSlices(reader, slices);
        });
    ticket = next_ticket;
    // A driver process that goes on for ever, or stops in the middle, grants nothing.
    return is_answered && slices.size() > num_before && slices.size() <= kMaxGrantSlices;
}

int32_t SharedMemoryConnection::UnmapMemory(uint64_t type) {
    if (gate_.is_shut()) {
        return kMachSendInvalidDest;
    }
    int32_t result = kSuccess;
    uint64_t grant_id = 0;
    const bool is_answered = peer_->Call(
        {names::kInterface, names::kUnmapMemory},
        [type](MessageWriter &writer) { writer.U64(type); },
        [&](MessageReader &reader) {
            result = reader.I32();
            grant_id = reader.U64();
        });
    if (!is_answered) {
        return ControlFailure();
    }
    return result != kSuccess ? result : mappings_.Unmap(grant_id);
}

int32_t SharedMemoryConnection::GiveLink(LinkKind kind, std::string_view name,
                                         const std::shared_ptr<EventLink> &link) {
    if (!LinkIsValid(kind, name, link->side())) {
        return kIoBadArgument;
    }
    if (gate_.is_shut()) {
        return kMachSendInvalidDest;
    }
    int32_t result = kSuccess;
    const bool is_answered = peer_->Call(
        {names::kInterface, names::kGiveLink},
        [&](MessageWriter &writer) {
            writer.U32(static_cast<uint32_t>(kind));
            writer.Text(std::string(name));
            writer.Fd(link->region()->ExportFd());
            writer.U64(EventLink::kNumBytes);
        },
        [&](MessageReader &reader) { result = reader.I32(); });
    if (!is_answered) {
        // The driver may have taken its end before it went.
        if (kind == LinkKind::kEventLink) {
            link->Cancel();
        }
        return ControlFailure();
    }
    if (result == kSuccess) {
        links_.Add(kind, link);
    }
    return result;
}

}  // namespace opendext::channel
