// SPDX-License-Identifier: Apache-2.0
#include "channel/transport/registry_connection.h"

#include <utility>
#include <variant>

#include "channel/transport/entry_list.h"
#include "channel/wire/bus_names.h"
#include "channel/wire/io_result.h"

namespace opendext::channel {

namespace orders = bus::host;
namespace names = bus::reports;

namespace {

using Connection = RegistryConnection;

const sd_bus_vtable kHostVtable[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_METHOD(orders::kStartService, orders::kStartServiceIn, orders::kStartServiceOut,
                  kBusHandler<&Connection::OnStartService>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD(orders::kOpenClient, orders::kOpenClientIn, orders::kOpenClientOut,
                  kBusHandler<&Connection::OnOpenClient>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD(orders::kStopService, orders::kStopServiceIn, orders::kStopServiceOut,
                  kBusHandler<&Connection::OnStopService>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD(orders::kSetPowerState, orders::kSetPowerStateIn, orders::kSetPowerStateOut,
                  kBusHandler<&Connection::OnSetPowerState>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD(orders::kReadReports, orders::kReadReportsIn, orders::kReadReportsOut,
                  kBusHandler<&Connection::OnReadReports>, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_VTABLE_END,
};

std::function<void(int32_t)> AnswerResult(std::shared_ptr<DeferredReply> reply) {
    return [reply = std::move(reply)](int32_t result) {
        reply->Send([result](MessageWriter &writer) { writer.I32(result); });
    };
}

void AnswerOpened(DeferredReply &reply, std::expected<OpenedClient, int32_t> opened) {
    TransportEndpoint ends;
    int32_t result = opened ? kSuccess : opened.error();
    if (opened) {
        auto *const endpoint = std::get_if<TransportEndpoint>(&opened->endpoint);
        result = endpoint == nullptr ? kIoIpcError : kSuccess;
        ends = endpoint == nullptr ? TransportEndpoint() : std::move(*endpoint);
    }
    const EntryId client = opened ? opened->client : EntryId::kNone;
    reply.Send([result, client, ends = std::move(ends)](MessageWriter &writer) {
        writer.I32(result);
        WriteEntry(writer, client);
        writer.OptionalFd(ends.region.get());
        writer.OptionalFd(ends.control.get());
    });
}

}  // namespace

std::expected<std::unique_ptr<RegistryConnection>, int> RegistryConnection::Attach(
    BusThread &bus_thread, UniqueFd socket, std::function<void()> on_end) {
    std::unique_ptr<RegistryConnection> connection(new RegistryConnection());
    connection->on_end_ = on_end;
    int error = 0;
    // As one task, so that no message comes before peer_ is set.
    bus_thread.RunAndWait([&] {
        auto peer =
            BusPeer::Attach(bus_thread, std::move(socket), BusSide::kClient, std::move(on_end),
                            [raw = connection.get()](BusPeer &made) { raw->SetUpPeer(made); });
        error = peer ? 0 : peer.error();
        connection->peer_ = peer ? std::move(*peer) : nullptr;
    });
    if (error != 0) {
        return std::unexpected(error);
    }
    return connection;
}

RegistryConnection::~RegistryConnection() = default;

void RegistryConnection::SetUpPeer(BusPeer &peer) {
    peer.AddVtable(orders::kInterface, kHostVtable, this);
    peer.AddSignalHandler(
        {orders::kInterface, orders::kNotifyService}, [this](MessageReader &reader) {
            const uint64_t watch = reader.U64();
            const uint32_t event = reader.U32();
            ProviderDescription service;
            service.entry = ReadEntry(reader);
            service.class_name = reader.Text();
            service.name = reader.Text();
            if (reader.is_ok() && port_ != nullptr &&
                event <= static_cast<uint32_t>(ServiceEvent::kTerminated)) {
                port_->NotifyService(watch, static_cast<ServiceEvent>(event), service);
            }
        });
    peer.AddSignalHandler({orders::kInterface, orders::kNotifyState},
                          [this](MessageReader &reader) {
                              const uint64_t watch = reader.U64();
                              if (reader.is_ok() && port_ != nullptr) {
                                  port_->NotifyState(watch);
                              }
                          });
    peer.AddSignalHandler({orders::kInterface, orders::kExit}, [this](MessageReader &) {
        if (port_ != nullptr) {
            port_->Exit();
        } else if (on_end_) {
            on_end_();
        }
    });
}

void RegistryConnection::Serve(DextHostPort &port) {
    peer_->bus_thread().RunAndWait([&] { port_ = &port; });
    ReportFailure(kSuccess);
}

void RegistryConnection::StopServing() {
    peer_->bus_thread().RunAndWait([this] { port_ = nullptr; });
}

void RegistryConnection::ReportFailure(int32_t result) {
    peer_->Emit({names::kInterface, names::kReady},
                [result](MessageWriter &writer) { writer.I32(result); });
}

int RegistryConnection::OnStartService(sd_bus_message *call) {
    MessageReader reader(call);
    ServiceStart start;
    start.entry = ReadEntry(reader);
    start.user_class = reader.Text();
    start.provider.entry = ReadEntry(reader);
    start.provider.class_name = reader.Text();
    start.provider.name = reader.Text();
    start.provider.device = reader.Text();
    start.provider.part = reader.Text();
    if (!reader.is_ok() || port_ == nullptr) {
        return RejectCall(call);
    }
    port_->StartService(start,
                        AnswerResult(std::make_shared<DeferredReply>(peer_->bus_thread(), call)));
    return 1;
}

int RegistryConnection::OnOpenClient(sd_bus_message *call) {
    MessageReader reader(call);
    ClientOpen open;
    open.service = ReadEntry(reader);
    open.type = reader.U32();
    open.creator = reader.Text();
    open.entitlements = reader.Property();
    if (!reader.is_ok() || port_ == nullptr) {
        return RejectCall(call);
    }
    auto reply = std::make_shared<DeferredReply>(peer_->bus_thread(), call);
    port_->OpenClient(open, [reply](std::expected<OpenedClient, int32_t> opened) {
        AnswerOpened(*reply, std::move(opened));
    });
    return 1;
}

int RegistryConnection::OnStopService(sd_bus_message *call) {
    MessageReader reader(call);
    const EntryId entry = ReadEntry(reader);
    const uint32_t mode = reader.U32();
    if (!reader.is_ok() || port_ == nullptr || mode > static_cast<uint32_t>(StopMode::kOneWay)) {
        return RejectCall(call);
    }
    port_->StopService(entry, static_cast<StopMode>(mode),
                       AnswerResult(std::make_shared<DeferredReply>(peer_->bus_thread(), call)));
    return 1;
}

int RegistryConnection::OnSetPowerState(sd_bus_message *call) {
    MessageReader reader(call);
    const EntryId entry = ReadEntry(reader);
    const uint32_t flags = reader.U32();
    if (!reader.is_ok() || port_ == nullptr) {
        return RejectCall(call);
    }
    port_->SetPowerState(entry, flags,
                         AnswerResult(std::make_shared<DeferredReply>(peer_->bus_thread(), call)));
    return 1;
}

int RegistryConnection::OnReadReports(sd_bus_message *call) {
    MessageReader reader(call);
    const EntryId service = ReadEntry(reader);
    const std::vector<uint64_t> channels = reader.U64List();
    if (!reader.is_ok() || port_ == nullptr) {
        return RejectCall(call);
    }
    auto reply = std::make_shared<DeferredReply>(peer_->bus_thread(), call);
    port_->ReadReports(service, channels,
                       [reply](std::expected<std::vector<uint8_t>, int32_t> elements) {
                           reply->Send([elements = std::move(elements)](MessageWriter &writer) {
                               writer.I32(elements ? kSuccess : elements.error());
                               writer.Bytes(elements ? *elements : std::vector<uint8_t>());
                           });
                       });
    return 1;
}

int32_t RegistryConnection::Ask(const char *member, BusPeer::Write write,
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
        return peer_->is_connected() ? kIoIpcError : kIoOffline;
    }
    return result;
}

int32_t RegistryConnection::AskResult(const char *member, BusPeer::Write write) {
    return Ask(member, std::move(write), [](MessageReader &) {});
}

}  // namespace opendext::channel
