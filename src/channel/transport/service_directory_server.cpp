// SPDX-License-Identifier: Apache-2.0
#include "channel/transport/service_directory_server.h"

#include <utility>
#include <variant>

#include "channel/transport/entry_list.h"
#include "channel/transport/log_feed.h"
#include "channel/wire/bus_names.h"
#include "channel/wire/io_result.h"

namespace opendext::channel {

namespace names = bus::directory;

namespace {

/// Watches that one application may have at a time.
constexpr size_t kMaxWatches = 4096;

using Server = ServiceDirectoryServer;

const sd_bus_vtable kDirectoryVtable[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_METHOD(names::kFind, names::kFindIn, names::kFindOut, kBusHandler<&Server::OnFind>,
                  SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD(names::kDescribe, names::kDescribeIn, names::kDescribeOut,
                  kBusHandler<&Server::OnDescribe>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD(names::kProperties, names::kPropertiesIn, names::kPropertiesOut,
                  kBusHandler<&Server::OnProperties>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD(names::kProperty, names::kPropertyIn, names::kPropertyOut,
                  kBusHandler<&Server::OnProperty>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD(names::kReadReports, names::kReadReportsIn, names::kReadReportsOut,
                  kBusHandler<&Server::OnReadReports>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD(names::kChildren, names::kChildrenIn, names::kChildrenOut,
                  kBusHandler<&Server::OnChildren>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD(names::kRoot, bus::kNothing, names::kRootOut, kBusHandler<&Server::OnRoot>,
                  SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD(names::kOpen, names::kOpenIn, names::kOpenOut, kBusHandler<&Server::OnOpen>,
                  SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD(names::kWatchServices, names::kWatchServicesIn, names::kWatchServicesOut,
                  kBusHandler<&Server::OnWatchServices>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD(names::kWatchInterest, names::kWatchInterestIn, names::kWatchInterestOut,
                  kBusHandler<&Server::OnWatchInterest>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_SIGNAL(names::kServices, names::kServicesArguments, 0),
    SD_BUS_SIGNAL(names::kInterest, names::kInterestArguments, 0),
    SD_BUS_VTABLE_END,
};

int ReplyEntries(sd_bus_message *call,
                 const std::expected<std::vector<EntryId>, int32_t> &entries) {
    return ReplyNow(call, [&](MessageWriter &writer) {
        writer.I32(entries ? kSuccess : entries.error());
        WriteEntries(writer, entries.value_or(std::vector<EntryId>()));
    });
}

int ReplyProperty(sd_bus_message *call, const std::expected<PropertyValue, int32_t> &value) {
    return ReplyNow(call, [&](MessageWriter &writer) {
        writer.I32(value ? kSuccess : value.error());
        writer.Property(value.value_or(PropertyValue()));
    });
}

}  // namespace

std::expected<std::unique_ptr<ServiceDirectoryServer>, int> ServiceDirectoryServer::Attach(
    BusThread &bus_thread, UniqueFd socket, DirectoryBackend &backend, LogFeedServer *log,
    std::function<void()> on_gone) {
    std::unique_ptr<ServiceDirectoryServer> server(new ServiceDirectoryServer(backend, log));
    int error = 0;
    // As one task, so that no message comes before peer_ is set.
    bus_thread.RunAndWait([&] {
        auto peer =
            BusPeer::Attach(bus_thread, std::move(socket), BusSide::kServer, std::move(on_gone),
                            [raw = server.get()](BusPeer &made) { raw->SetUpPeer(made); });
        error = peer ? 0 : peer.error();
        server->peer_ = peer ? std::move(*peer) : nullptr;
    });
    if (error != 0) {
        return std::unexpected(error);
    }
    return server;
}

ServiceDirectoryServer::~ServiceDirectoryServer() {
    if (peer_ == nullptr) {
        return;
    }
    peer_->bus_thread().RunAndWait([this] {
        for (const uint64_t watch : watches_) {
            backend_.StopWatch(watch);
        }
        if (log_ != nullptr) {
            log_->Remove(*peer_);
        }
        peer_.reset();
    });
}

void ServiceDirectoryServer::SetUpPeer(BusPeer &peer) {
    peer.AddVtable(names::kInterface, kDirectoryVtable, this);
    peer.AddSignalHandler({names::kInterface, names::kStopWatch}, [this](MessageReader &reader) {
        const uint64_t watch = reader.U64();
        if (reader.is_ok() && watches_.erase(watch) != 0) {
            backend_.StopWatch(watch);
        }
    });
    if (log_ != nullptr) {
        log_->Add(peer);
    }
}

int ServiceDirectoryServer::OnFind(sd_bus_message *call) {
    MessageReader reader(call);
    const PropertyValue matching = reader.Property();
    return reader.is_ok() ? ReplyEntries(call, backend_.Find(matching)) : RejectCall(call);
}

int ServiceDirectoryServer::OnDescribe(sd_bus_message *call) {
    MessageReader reader(call);
    const EntryId entry = ReadEntry(reader);
    if (!reader.is_ok()) {
        return RejectCall(call);
    }
    const auto described = backend_.Describe(entry);
    return ReplyNow(call, [&](MessageWriter &writer) {
        const EntryDescription description = described.value_or(EntryDescription());
        writer.I32(described ? kSuccess : described.error());
        WriteEntry(writer, description.id);
        WriteEntry(writer, description.parent);
        writer.Text(description.name);
        writer.Text(description.class_name);
        writer.TextList(description.class_ancestry);
        writer.U32(description.busy_state);
        writer.Bool(description.registered);
        writer.Bool(description.active);
    });
}

int ServiceDirectoryServer::OnProperties(sd_bus_message *call) {
    MessageReader reader(call);
    const EntryId entry = ReadEntry(reader);
    return reader.is_ok() ? ReplyProperty(call, backend_.Properties(entry)) : RejectCall(call);
}

int ServiceDirectoryServer::OnProperty(sd_bus_message *call) {
    MessageReader reader(call);
    const EntryId entry = ReadEntry(reader);
    const std::string key = reader.Text();
    return reader.is_ok() ? ReplyProperty(call, backend_.Property(entry, key)) : RejectCall(call);
}

int ServiceDirectoryServer::OnReadReports(sd_bus_message *call) {
    MessageReader reader(call);
    const EntryId service = ReadEntry(reader);
    if (!reader.is_ok()) {
        return RejectCall(call);
    }
    auto reply = std::make_shared<DeferredReply>(peer_->bus_thread(), call);
    backend_.ReadReports(service, [reply](std::expected<std::vector<uint8_t>, int32_t> elements) {
        reply->Send([elements = std::move(elements)](MessageWriter &writer) {
            writer.I32(elements ? kSuccess : elements.error());
            writer.Bytes(elements ? *elements : std::vector<uint8_t>());
        });
    });
    return 1;
}

int ServiceDirectoryServer::OnChildren(sd_bus_message *call) {
    MessageReader reader(call);
    const EntryId entry = ReadEntry(reader);
    return reader.is_ok() ? ReplyEntries(call, backend_.Children(entry)) : RejectCall(call);
}

int ServiceDirectoryServer::OnRoot(sd_bus_message *call) {
    return ReplyNow(call, [&](MessageWriter &writer) { WriteEntry(writer, backend_.Root()); });
}

int ServiceDirectoryServer::OnOpen(sd_bus_message *call) {
    MessageReader reader(call);
    const EntryId service = ReadEntry(reader);
    const uint32_t type = reader.U32();
    if (!reader.is_ok()) {
        return RejectCall(call);
    }
    auto reply = std::make_shared<DeferredReply>(peer_->bus_thread(), call);
    backend_.Open(service, type, peer_->identity(),
                  [reply](std::expected<OpenedClient, int32_t> opened) {
                      TransportEndpoint *endpoint =
                          opened ? std::get_if<TransportEndpoint>(&opened->endpoint) : nullptr;
                      const int32_t failure = opened ? kIoIpcError : opened.error();
                      TransportEndpoint sent;
                      if (endpoint != nullptr) {
                          sent = std::move(*endpoint);
                      }
                      reply->Send([result = endpoint == nullptr ? failure : kSuccess,
                                   ends = std::move(sent)](MessageWriter &writer) {
                          writer.I32(result);
                          writer.OptionalFd(ends.region.get());
                          writer.OptionalFd(ends.control.get());
                      });
                  });
    return 1;
}

int ServiceDirectoryServer::OnWatchServices(sd_bus_message *call) {
    MessageReader reader(call);
    const uint32_t kind = reader.U32();
    const PropertyValue matching = reader.Property();
    if (!reader.is_ok() || kind < static_cast<uint32_t>(NotificationKind::kPublish) ||
        kind > static_cast<uint32_t>(NotificationKind::kWillTerminate)) {
        return RejectCall(call);
    }
    std::expected<ServiceDirectory::Watch, int32_t> watch = std::unexpected(kIoNoMemory);
    if (watches_.size() < kMaxWatches) {
        watch = backend_.WatchServices(static_cast<NotificationKind>(kind), matching, this);
    }
    if (watch) {
        watches_.insert(watch->id);
    }
    return ReplyNow(call, [&](MessageWriter &writer) {
        writer.I32(watch ? kSuccess : watch.error());
        writer.U64(watch ? watch->id : 0);
        WriteEntries(writer, watch ? watch->existing : std::vector<EntryId>());
    });
}

int ServiceDirectoryServer::OnWatchInterest(sd_bus_message *call) {
    MessageReader reader(call);
    const EntryId service = ReadEntry(reader);
    if (!reader.is_ok()) {
        return RejectCall(call);
    }
    std::expected<uint64_t, int32_t> watch = std::unexpected(kIoNoMemory);
    if (watches_.size() < kMaxWatches) {
        watch = backend_.WatchInterest(service, this);
    }
    if (watch) {
        watches_.insert(*watch);
    }
    return ReplyNow(call, [&](MessageWriter &writer) {
        writer.I32(watch ? kSuccess : watch.error());
        writer.U64(watch.value_or(0));
    });
}

void ServiceDirectoryServer::OnServices(uint64_t watch, const std::vector<EntryId> &services) {
    peer_->Emit({names::kInterface, names::kServices}, [watch, services](MessageWriter &writer) {
        writer.U64(watch);
        WriteEntries(writer, services);
    });
}

void ServiceDirectoryServer::OnInterest(uint64_t watch, EntryId service, uint32_t message_type) {
    peer_->Emit({names::kInterface, names::kInterest}, [=](MessageWriter &writer) {
        writer.U64(watch);
        WriteEntry(writer, service);
        writer.U32(message_type);
    });
}

}  // namespace opendext::channel
