// SPDX-License-Identifier: Apache-2.0
#include "channel/transport/bus_service_directory.h"

#include <cstring>
#include <utility>

#include "base/property_list.h"
#include "channel/transport/entry_list.h"
#include "channel/transport/shared_memory_connection.h"
#include "channel/transport/unix_socket.h"
#include "channel/wire/bus_names.h"
#include "channel/wire/io_result.h"

namespace opendext::channel {

namespace names = bus::directory;

std::expected<std::shared_ptr<BusServiceDirectory>, std::string> BusServiceDirectory::Connect(
    const std::string &socket_path) {
    auto socket = ConnectUnixSocket(socket_path);
    if (!socket) {
        return std::unexpected(socket.error());
    }
    auto bus_thread = BusThread::Start("opendext-bus");
    if (!bus_thread) {
        return std::unexpected(
            SystemError{"starting the bus thread", bus_thread.error()}.ToString());
    }
    auto directory = Attach(**bus_thread, std::move(*socket));
    if (!directory) {
        return std::unexpected(SystemError{"opening the bus", directory.error()}.ToString());
    }
    (*directory)->own_thread_ = std::move(*bus_thread);
    return *directory;
}

std::expected<std::shared_ptr<BusServiceDirectory>, int> BusServiceDirectory::Attach(
    BusThread &bus_thread, UniqueFd socket) {
    std::shared_ptr<BusServiceDirectory> directory(new BusServiceDirectory(bus_thread));
    BusServiceDirectory *raw = directory.get();
    auto peer = BusPeer::Attach(
        bus_thread, std::move(socket), BusSide::kClient, [raw] { raw->Gone(); },
        [raw](BusPeer &made) { raw->SetUpPeer(made); });
    if (!peer) {
        return std::unexpected(peer.error());
    }
    directory->peer_ = std::move(*peer);
    return directory;
}

BusServiceDirectory::~BusServiceDirectory() = default;

void BusServiceDirectory::WhenGone(std::function<void()> listener) {
    bus_thread_.RunAndWait([&] {
        when_gone_ = std::move(listener);
        if (!peer_->is_connected()) {
            Gone();
        }
    });
}

void BusServiceDirectory::Gone() {
    if (const std::function<void()> listener = std::exchange(when_gone_, nullptr)) {
        listener();
    }
}

void BusServiceDirectory::SetUpPeer(BusPeer &peer) {
    peer.AddSignalHandler({names::kInterface, names::kServices}, [this](MessageReader &reader) {
        const uint64_t watch = reader.U64();
        const std::vector<EntryId> services = ReadEntries(reader);
        const auto found = listeners_.find(watch);
        if (reader.is_ok() && found != listeners_.end()) {
            found->second->OnServices(watch, services);
        }
    });
    peer.AddSignalHandler({names::kInterface, names::kInterest}, [this](MessageReader &reader) {
        const uint64_t watch = reader.U64();
        const auto service = static_cast<EntryId>(reader.U64());
        const uint32_t message_type = reader.U32();
        const auto found = listeners_.find(watch);
        if (reader.is_ok() && found != listeners_.end()) {
            found->second->OnInterest(watch, service, message_type);
        }
    });
}

int32_t BusServiceDirectory::Ask(const char *member, BusPeer::Write write,
                                 std::move_only_function<void(MessageReader &)> read) {
    int32_t result = kSuccess;
    const bool is_answered =
        peer_->Call({names::kInterface, member}, std::move(write), [&](MessageReader &reader) {
            result = reader.I32();
            if (reader.is_ok() && result == kSuccess) {
                read(reader);
            }
        });
    if (!is_answered) {
        return peer_->is_connected() ? kIoIpcError : kIoNotResponding;
    }
    return result;
}

std::expected<std::vector<EntryId>, int32_t> BusServiceDirectory::AskEntries(const char *member,
                                                                             BusPeer::Write write) {
    std::vector<EntryId> entries;
    const int32_t result = Ask(member, std::move(write),
                               [&](MessageReader &reader) { entries = ReadEntries(reader); });
    if (result != kSuccess) {
        return std::unexpected(result);
    }
    return entries;
}

std::expected<PropertyValue, int32_t> BusServiceDirectory::AskProperty(const char *member,
                                                                       BusPeer::Write write) {
    PropertyValue value;
    const int32_t result =
        Ask(member, std::move(write), [&](MessageReader &reader) { value = reader.Property(); });
    if (result != kSuccess) {
        return std::unexpected(result);
    }
    return value;
}

std::expected<std::vector<EntryId>, int32_t> BusServiceDirectory::Find(
    const PropertyValue &matching) {
    return AskEntries(names::kFind, [&](MessageWriter &writer) { writer.Property(matching); });
}

std::expected<EntryDescription, int32_t> BusServiceDirectory::Describe(EntryId entry) {
    EntryDescription description;
    const int32_t result = Ask(
        names::kDescribe, [&](MessageWriter &writer) { WriteEntry(writer, entry); },
        [&](MessageReader &reader) {
            description.id = ReadEntry(reader);
            description.parent = ReadEntry(reader);
            description.name = reader.Text();
            description.class_name = reader.Text();
            description.class_ancestry = reader.TextList();
            description.busy_state = reader.U32();
            description.registered = reader.Bool();
            description.active = reader.Bool();
        });
    if (result != kSuccess) {
        return std::unexpected(result);
    }
    return description;
}

std::expected<PropertyValue, int32_t> BusServiceDirectory::Properties(EntryId entry) {
    return AskProperty(names::kProperties,
                       [&](MessageWriter &writer) { WriteEntry(writer, entry); });
}

std::expected<PropertyValue, int32_t> BusServiceDirectory::Property(EntryId entry,
                                                                    const std::string &key) {
    return AskProperty(names::kProperty, [&](MessageWriter &writer) {
        WriteEntry(writer, entry);
        writer.Text(key);
    });
}

std::expected<std::vector<uint8_t>, int32_t> BusServiceDirectory::ReadReports(EntryId service) {
    std::vector<uint8_t> elements;
    const int32_t result = Ask(
        names::kReadReports, [&](MessageWriter &writer) { WriteEntry(writer, service); },
        [&](MessageReader &reader) {
            const std::span<const uint8_t> bytes = reader.Bytes();
            elements.assign(bytes.begin(), bytes.end());
        });
    if (result != kSuccess) {
        return std::unexpected(result);
    }
    return elements;
}

std::expected<std::vector<EntryId>, int32_t> BusServiceDirectory::Children(EntryId entry) {
    return AskEntries(names::kChildren, [&](MessageWriter &writer) { WriteEntry(writer, entry); });
}

EntryId BusServiceDirectory::Root() {
    EntryId root = EntryId::kNone;
    const bool is_answered = peer_->Call(
        {names::kInterface, names::kRoot}, [](MessageWriter &) {},
        [&](MessageReader &reader) { root = ReadEntry(reader); });
    return is_answered ? root : EntryId::kNone;
}

std::expected<std::shared_ptr<ClientConnection>, int32_t> BusServiceDirectory::Open(
    EntryId service, uint32_t type, CompletionSink *sink) {
    TransportEndpoint endpoint;
    const int32_t result = Ask(
        names::kOpen,
        [&](MessageWriter &writer) {
            WriteEntry(writer, service);
            writer.U32(type);
        },
        [&](MessageReader &reader) {
            endpoint.region = reader.OptionalFd();
            endpoint.control = reader.OptionalFd();
        });
    if (result != kSuccess) {
        return std::unexpected(result);
    }
    return SharedMemoryConnection::Attach(bus_thread_, std::move(endpoint), sink);
}

std::expected<ServiceDirectory::Watch, int32_t> BusServiceDirectory::WatchServices(
    NotificationKind kind, const PropertyValue &matching, DirectoryListener *listener) {
    Watch watch;
    const int32_t result = Ask(
        names::kWatchServices,
        [&](MessageWriter &writer) {
            writer.U32(static_cast<uint32_t>(kind));
            writer.Property(matching);
        },
        [&](MessageReader &reader) {
            watch.id = reader.U64();
            watch.existing = ReadEntries(reader);
            // Here, on the bus thread: the next message may be the first arrival.
            listeners_.emplace(watch.id, listener);
        });
    if (result != kSuccess) {
        return std::unexpected(result);
    }
    return watch;
}

std::expected<uint64_t, int32_t> BusServiceDirectory::WatchInterest(EntryId service,
                                                                    DirectoryListener *listener) {
    uint64_t watch = 0;
    const int32_t result = Ask(
        names::kWatchInterest, [&](MessageWriter &writer) { WriteEntry(writer, service); },
        [&](MessageReader &reader) {
            watch = reader.U64();
            listeners_.emplace(watch, listener);
        });
    if (result != kSuccess) {
        return std::unexpected(result);
    }
    return watch;
}

void BusServiceDirectory::StopWatch(uint64_t watch) {
    bus_thread_.RunAndWait([&] { listeners_.erase(watch); });
    peer_->Emit({names::kInterface, names::kStopWatch},
                [watch](MessageWriter &writer) { writer.U64(watch); });
}

}  // namespace opendext::channel
