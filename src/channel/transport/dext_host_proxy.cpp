// SPDX-License-Identifier: Apache-2.0
// Orders of the registry to a driver process.
#include "channel/transport/dext_host_proxy.h"

#include <utility>

#include "channel/transport/entry_list.h"
#include "channel/wire/bus_names.h"
#include "channel/wire/io_result.h"

namespace opendext::channel {

namespace names = bus::host;

namespace {

BusPeer::OnReply AnswerResult(std::function<void(int32_t)> answer) {
    return [answer = std::move(answer)](MessageReader *reader) {
        const int32_t result = reader == nullptr ? kHostGone : reader->I32();
        answer(reader != nullptr && !reader->is_ok() ? kIoIpcError : result);
    };
}

std::expected<std::vector<uint8_t>, int32_t> ReadElements(MessageReader *reader) {
    if (reader == nullptr) {
        return std::unexpected(kHostGone);
    }
    const int32_t result = reader->I32();
    const std::span<const uint8_t> elements = reader->Bytes();
    if (!reader->is_ok()) {
        return std::unexpected(kIoIpcError);
    }
    if (result != kSuccess) {
        return std::unexpected(result);
    }
    return std::vector<uint8_t>(elements.begin(), elements.end());
}

std::expected<OpenedClient, int32_t> ReadOpened(MessageReader *reader) {
    if (reader == nullptr) {
        return std::unexpected(kHostGone);
    }
    const int32_t result = reader->I32();
    OpenedClient opened;
    opened.client = ReadEntry(*reader);
    TransportEndpoint endpoint;
    endpoint.region = reader->OptionalFd();
    endpoint.control = reader->OptionalFd();
    if (!reader->is_ok() ||
        (result == kSuccess && (!endpoint.region.is_valid() || !endpoint.control.is_valid()))) {
        return std::unexpected(kIoIpcError);
    }
    if (result != kSuccess) {
        return std::unexpected(result);
    }
    opened.endpoint = std::move(endpoint);
    return opened;
}

}  // namespace

std::expected<std::unique_ptr<DextHostProxy>, int> DextHostProxy::Attach(BusThread &bus_thread,
                                                                         UniqueFd socket,
                                                                         Options options) {
    std::unique_ptr<DextHostProxy> proxy(new DextHostProxy(std::move(options)));
    int error = 0;
    // As one task, so that no message comes before peer_ is set.
    bus_thread.RunAndWait([&] {
        auto peer = BusPeer::Attach(bus_thread, std::move(socket), BusSide::kServer,
                                    proxy->options_.on_gone,
                                    [raw = proxy.get()](BusPeer &made) { raw->SetUpPeer(made); });
        error = peer ? 0 : peer.error();
        proxy->peer_ = peer ? std::move(*peer) : nullptr;
    });
    if (error != 0) {
        return std::unexpected(error);
    }
    return proxy;
}

DextHostProxy::~DextHostProxy() = default;

void DextHostProxy::StartService(const ServiceStart &start, std::function<void(int32_t)> answer) {
    peer_->CallAsync(
        {names::kInterface, names::kStartService},
        [start](MessageWriter &writer) {
            WriteEntry(writer, start.entry);
            writer.Text(start.user_class);
            WriteEntry(writer, start.provider.entry);
            writer.Text(start.provider.class_name);
            writer.Text(start.provider.name);
            writer.Text(start.provider.device);
            writer.Text(start.provider.part);
        },
        AnswerResult(std::move(answer)));
}

void DextHostProxy::OpenClient(const ClientOpen &open,
                               std::function<void(std::expected<OpenedClient, int32_t>)> answer) {
    peer_->CallAsync(
        {names::kInterface, names::kOpenClient},
        [open](MessageWriter &writer) {
            WriteEntry(writer, open.service);
            writer.U32(open.type);
            writer.Text(open.creator);
            writer.Property(open.entitlements);
        },
        [answer = std::move(answer)](MessageReader *reader) { answer(ReadOpened(reader)); });
}

void DextHostProxy::StopService(EntryId entry, StopMode mode, std::function<void(int32_t)> answer) {
    peer_->CallAsync(
        {names::kInterface, names::kStopService},
        [entry, mode](MessageWriter &writer) {
            WriteEntry(writer, entry);
            writer.U32(static_cast<uint32_t>(mode));
        },
        AnswerResult(std::move(answer)));
}

void DextHostProxy::SetPowerState(EntryId entry, uint32_t flags,
                                  std::function<void(int32_t)> answer) {
    peer_->CallAsync(
        {names::kInterface, names::kSetPowerState},
        [entry, flags](MessageWriter &writer) {
            WriteEntry(writer, entry);
            writer.U32(flags);
        },
        AnswerResult(std::move(answer)));
}

void DextHostProxy::NotifyService(uint64_t watch, ServiceEvent event,
                                  const ProviderDescription &service) {
    peer_->Emit({names::kInterface, names::kNotifyService},
                [watch, event, service](MessageWriter &writer) {
                    writer.U64(watch);
                    writer.U32(static_cast<uint32_t>(event));
                    WriteEntry(writer, service.entry);
                    writer.Text(service.class_name);
                    writer.Text(service.name);
                });
}

void DextHostProxy::NotifyState(uint64_t watch) {
    peer_->Emit({names::kInterface, names::kNotifyState},
                [watch](MessageWriter &writer) { writer.U64(watch); });
}

void DextHostProxy::ReadReports(
    EntryId service, const std::vector<uint64_t> &channels,
    std::function<void(std::expected<std::vector<uint8_t>, int32_t>)> answer) {
    peer_->CallAsync(
        {names::kInterface, names::kReadReports},
        [service, channels](MessageWriter &writer) {
            WriteEntry(writer, service);
            writer.U64List(channels);
        },
        [answer = std::move(answer)](MessageReader *reader) { answer(ReadElements(reader)); });
}

void DextHostProxy::Exit() {
    peer_->Emit({names::kInterface, names::kExit}, [](MessageWriter &) {});
}

void DextHostProxy::Kill(int signal) {
    if (options_.kill) {
        options_.kill(signal);
    }
}

}  // namespace opendext::channel
