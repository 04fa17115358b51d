// SPDX-License-Identifier: Apache-2.0
// The control messages of an application to its user client.
#include <fcntl.h>
#include <algorithm>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "channel/transport/connection_server.h"
#include "channel/wire/bus_names.h"
#include "channel/wire/io_result.h"

namespace opendext::channel {

namespace names = bus::connection;

namespace {

/// An application that does not read its completions is cut off when this many wait.
constexpr uint64_t kMaxQueuedMessages = uint64_t{16} * 1024;

/// Grants of which an application has not taken all pieces. The oldest is forgotten when there are more.
constexpr size_t kMaxPiecesLeft = 16;

const sd_bus_vtable kConnectionVtable[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_METHOD(names::kRegisterRegion, names::kRegisterRegionIn, names::kRegisterRegionOut,
                  kBusHandler<&ConnectionServer::OnRegisterRegion>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD(names::kTakeOutput, names::kTakeOutputIn, names::kTakeOutputOut,
                  kBusHandler<&ConnectionServer::OnTakeOutput>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD(names::kMapMemory, names::kMapMemoryIn, names::kMapMemoryOut,
                  kBusHandler<&ConnectionServer::OnMapMemory>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD(names::kTakePieces, names::kTakePiecesIn, names::kTakePiecesOut,
                  kBusHandler<&ConnectionServer::OnTakePieces>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD(names::kUnmapMemory, names::kUnmapMemoryIn, names::kUnmapMemoryOut,
                  kBusHandler<&ConnectionServer::OnUnmapMemory>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD(names::kGiveLink, names::kGiveLinkIn, names::kGiveLinkOut,
                  kBusHandler<&ConnectionServer::OnGiveLink>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_SIGNAL(names::kCompletion, names::kCompletionArguments, 0),
    SD_BUS_VTABLE_END,
};

}  // namespace

void ConnectionServer::SetUpPeer(BusPeer &peer) {
    peer.AddVtable(names::kInterface, kConnectionVtable, this);
    peer.AddSignalHandler({names::kInterface, names::kDropRegion}, [this](MessageReader &reader) {
        const uint64_t region_id = reader.U64();
        if (reader.is_ok()) {
            regions_.Drop(region_id);
        }
    });
    peer.AddSignalHandler({names::kInterface, names::kClose},
                          [this](MessageReader &) { RequestStop(); });
}

int ConnectionServer::OnRegisterRegion(sd_bus_message *call) {
    MessageReader reader(call);
    const uint64_t region_id = reader.U64();
    UniqueFd fd = reader.Fd();
    const uint64_t num_bytes = reader.U64();
    const bool is_taken = reader.is_ok() && regions_.Adopt(region_id, std::move(fd), num_bytes);
    return ReplyNow(call, [&](MessageWriter &writer) { writer.Bool(is_taken); });
}

int ConnectionServer::OnTakeOutput(sd_bus_message *call) {
    MessageReader reader(call);
    const uint64_t ticket = reader.U64();
    SharedSlice slice;
    {
        const std::lock_guard lock(mutex_);
        const auto found = large_outputs_.find(ticket);
        if (reader.is_ok() && found != large_outputs_.end()) {
            slice = std::move(found->second);
            large_outputs_.erase(found);
        }
    }
    return ReplyNow(call, [&](MessageWriter &writer) {
        writer.Bool(slice.region != nullptr);
        writer.OptionalFd(slice.region == nullptr ? -1 : slice.region->ExportFd());
        writer.U64(slice.offset);
        writer.U64(slice.length);
    });
}

namespace {

/// Pieces of a grant as a message carries them.
struct PieceLists {
    std::vector<int> fds;
    std::vector<uint64_t> offsets;
    std::vector<uint64_t> lengths;
    std::vector<UniqueFd> read_only_fds;  ///< Those of `fds` that are not the regions' own.

    [[nodiscard]] bool IsComplete() const {
        return !fds.empty() && std::ranges::all_of(fds, [](int fd) { return fd >= 0; });
    }
    void Write(MessageWriter &writer) const {
        writer.FdList(fds);
        writer.U64List(offsets);
        writer.U64List(lengths);
    }
};

// A mapping of it cannot be made writable. -1 when no descriptor is left: nothing is mapped.
UniqueFd ReadOnlyDescriptor(int fd) {
    const std::string path = "/proc/self/fd/" + std::to_string(fd);
    return UniqueFd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
}

PieceLists ListsOf(const std::vector<SharedSlice> &slices, bool read_only) {
    PieceLists lists;
    for (const SharedSlice &slice : slices) {
        int fd = slice.region == nullptr ? -1 : slice.region->ExportFd();
        if (read_only && fd >= 0) {
            fd = lists.read_only_fds.emplace_back(ReadOnlyDescriptor(fd)).get();
        }
        lists.fds.push_back(fd);
        lists.offsets.push_back(slice.offset);
        lists.lengths.push_back(slice.length);
    }
    return lists;
}

/// @return the error that the application gets: of the port, or of a grant that messages cannot carry.
int32_t ResultOf(const std::expected<SharedMemoryGrant, int32_t> &grant, const PieceLists &lists) {
    if (!grant) {
        return grant.error();
    }
    return lists.IsComplete() && grant->slices.size() <= kMaxGrantSlices ? kSuccess
                                                                         : kIoBadArgument;
}

}  // namespace

uint64_t ConnectionServer::KeepPiecesLeft(std::vector<SharedSlice> &slices, bool read_only) {
    if (slices.size() <= kMaxMessageSlices) {
        return 0;
    }
    const auto first = slices.begin() + kMaxMessageSlices;
    PiecesLeft left{
        .slices = {std::make_move_iterator(first), std::make_move_iterator(slices.end())},
        .read_only = read_only};
    slices.erase(first, slices.end());
    const std::lock_guard lock(mutex_);
    if (pieces_left_.size() >= kMaxPiecesLeft) {
        pieces_left_.erase(pieces_left_.begin());
    }
    pieces_left_.emplace(++last_pieces_ticket_, std::move(left));
    return last_pieces_ticket_;
}

int ConnectionServer::OnMapMemory(sd_bus_message *call) {
    MessageReader reader(call);
    const uint64_t type = reader.U64();
    if (!reader.is_ok()) {
        return RejectCall(call);
    }
    PostJob([this, type, reply = DeferredReply(bus_thread_, call)]() mutable {
        auto grant = port_->MapMemory(type);
        uint64_t ticket = 0;
        if (grant && grant->slices.size() <= kMaxGrantSlices) {
            ticket = KeepPiecesLeft(grant->slices, grant->read_only);
        }
        PieceLists lists = grant ? ListsOf(grant->slices, grant->read_only) : PieceLists();
        const int32_t result = ResultOf(grant, lists);
        if (result != kSuccess) {
            grant = SharedMemoryGrant();
            lists = {};
            ticket = 0;
        }
        reply.Send([result, ticket, grant = *std::move(grant),
                    lists = std::move(lists)](MessageWriter &writer) {
            writer.I32(result);
            writer.Bool(grant.read_only);
            writer.U64(grant.id);
            writer.U64(ticket);
            lists.Write(writer);
        });
    });
    return 1;
}

int ConnectionServer::OnTakePieces(sd_bus_message *call) {
    MessageReader reader(call);
    const uint64_t ticket = reader.U64();
    PiecesLeft left;
    {
        const std::lock_guard lock(mutex_);
        const auto found = pieces_left_.find(ticket);
        if (reader.is_ok() && found != pieces_left_.end()) {
            left = std::move(found->second);
            pieces_left_.erase(found);
        }
    }
    const uint64_t next_ticket = KeepPiecesLeft(left.slices, left.read_only);
    PieceLists lists = ListsOf(left.slices, left.read_only);
    if (!lists.IsComplete()) {
        lists = {};
    }
    return ReplyNow(call, [&](MessageWriter &writer) {
        writer.U64(next_ticket);
        lists.Write(writer);
    });
}

int ConnectionServer::OnUnmapMemory(sd_bus_message *call) {
    MessageReader reader(call);
    const uint64_t type = reader.U64();
    if (!reader.is_ok()) {
        return RejectCall(call);
    }
    PostJob([this, type, reply = DeferredReply(bus_thread_, call)]() mutable {
        const auto grant_id = port_->UnmapMemory(type);
        reply.Send([grant_id](MessageWriter &writer) {
            writer.I32(grant_id ? kSuccess : grant_id.error());
            writer.U64(grant_id.value_or(0));
        });
    });
    return 1;
}

int ConnectionServer::OnGiveLink(sd_bus_message *call) {
    MessageReader reader(call);
    const auto kind = static_cast<LinkKind>(reader.U32());
    const std::string name = reader.Text();
    UniqueFd fd = reader.Fd();
    const uint64_t num_bytes = reader.U64();
    if (!reader.is_ok() || !LinkIsValid(kind, name, EventLink::Side::kFirst) ||
        num_bytes < EventLink::kNumBytes) {
        return RejectCall(call);
    }
    auto region = SharedRegion::Adopt(std::move(fd), num_bytes);
    auto link = region ? EventLink::Attach(*std::move(region), EventLink::Side::kSecond)
                       : std::unexpected(region.error());
    if (!link) {
        return RejectCall(call);
    }
    links_.Add(kind, *link);
    // Not a job: the call that is served may wait for a signal.
    const int32_t result = port_->GiveLink(kind, name, *std::move(link));
    return ReplyNow(call, [result](MessageWriter &writer) { writer.I32(result); });
}

void ConnectionServer::Complete(const AsyncCompletion &completion) {
    bus_thread_.Post([this, is_alive = is_alive_, completion] {
        if (!*is_alive || peer_ == nullptr ||
            completion.target.num_references > kMaxAsyncReferences ||
            completion.num_arguments > kMaxAsyncArguments) {
            return;
        }
        if (peer_->num_queued() > kMaxQueuedMessages) {
            RequestStop();
            return;
        }
        peer_->Emit({names::kInterface, names::kCompletion}, [completion](MessageWriter &writer) {
            writer.U64(completion.target.port);
            writer.U64List({completion.target.references.data(), completion.target.num_references});
            writer.I32(completion.result);
            writer.U64List({completion.arguments.data(), completion.num_arguments});
        });
    });
}

}  // namespace opendext::channel
