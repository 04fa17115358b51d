// SPDX-License-Identifier: Apache-2.0
#include "channel/transport/device_connection.h"

#include <string_view>
#include <utility>

#include "channel/transport/device_report_message.h"
#include "channel/wire/bus_names.h"

namespace opendext::channel {

namespace orders = bus::device;
namespace names = bus::device_reports;

namespace {

const sd_bus_vtable kDeviceVtable[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_METHOD(orders::kSetConfiguration, orders::kSetConfigurationIn,
                  orders::kSetConfigurationOut, kBusHandler<&DeviceConnection::OnSetConfiguration>,
                  SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_VTABLE_END,
};

}  // namespace

std::expected<std::unique_ptr<DeviceConnection>, int> DeviceConnection::Attach(
    BusThread &bus_thread, UniqueFd socket, std::function<void()> on_end) {
    std::unique_ptr<DeviceConnection> connection(new DeviceConnection());
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

DeviceConnection::~DeviceConnection() = default;

void DeviceConnection::SetUpPeer(BusPeer &peer) {
    peer.AddVtable(orders::kInterface, kDeviceVtable, this);
    peer.AddSignalHandler(
        {orders::kInterface, orders::kOpenSession}, [this](MessageReader &reader) {
            const uint64_t device = reader.U64();
            UniqueFd socket = reader.Fd();
            if (reader.is_ok() && port_ != nullptr) {
                port_->OpenSession(static_cast<DeviceId>(device), std::move(socket));
            }
        });
    peer.AddSignalHandler({orders::kInterface, orders::kExit},
                          [this](MessageReader &) { on_end_(); });
}

void DeviceConnection::Serve(DevicePort &port) {
    peer_->bus_thread().RunAndWait([&] { port_ = &port; });
}

void DeviceConnection::ReportReady() {
    ReportFailure({});
}

void DeviceConnection::StopServing() {
    peer_->bus_thread().RunAndWait([this] { port_ = nullptr; });
}

void DeviceConnection::ReportFailure(const std::string &problem) {
    SendNow(names::kReady, [problem](MessageWriter &writer) { writer.Text(problem); });
}

void DeviceConnection::SendNow(const char *member, BusPeer::Write write) {
    peer_->Emit({names::kInterface, member}, std::move(write));
    if (!peer_->bus_thread().IsCurrent()) {
        peer_->bus_thread().RunAndWait([] {});
    }
}

void DeviceConnection::Attached(const UsbDeviceReport &device) {
    SendNow(names::kAttached,
            [device](MessageWriter &writer) { WriteDeviceReport(writer, device); });
}

void DeviceConnection::Detached(DeviceId device) {
    SendNow(names::kDetached,
            [device](MessageWriter &writer) { writer.U64(static_cast<uint64_t>(device)); });
}

void DeviceConnection::Configured(DeviceId device, uint8_t value, bool publishes) {
    SendNow(names::kConfigured, [device, value, publishes](MessageWriter &writer) {
        writer.U64(static_cast<uint64_t>(device));
        writer.U32(value);
        writer.Bool(publishes);
    });
}

void DeviceConnection::SettingSelected(DeviceId device, const UsbInterfaceReport &setting) {
    SendNow(names::kSettingSelected, [device, setting](MessageWriter &writer) {
        writer.U64(static_cast<uint64_t>(device));
        WriteInterfaceReport(writer, setting);
    });
}

void DeviceConnection::LogLine(uint32_t level, const std::string &text) {
    peer_->Emit({names::kInterface, names::kLogLine}, [level, text](MessageWriter &writer) {
        writer.U32(level);
        writer.Text(std::string_view(text).substr(0, kMaxTextBytes));
    });
}

int DeviceConnection::OnSetConfiguration(sd_bus_message *call) {
    MessageReader reader(call);
    const uint64_t device = reader.U64();
    const uint32_t value = reader.U32();
    if (!reader.is_ok() || port_ == nullptr || value > UINT8_MAX) {
        return RejectCall(call);
    }
    auto reply = std::make_shared<DeferredReply>(peer_->bus_thread(), call);
    port_->SetConfiguration(
        static_cast<DeviceId>(device), static_cast<uint8_t>(value),
        [reply = std::move(reply)](const std::expected<void, std::string> &result) {
            reply->Send([result](MessageWriter &writer) {
                writer.Bool(result.has_value());
                writer.Text(result ? "" : result.error());
            });
        });
    return 1;
}

}  // namespace opendext::channel
