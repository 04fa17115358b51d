// SPDX-License-Identifier: Apache-2.0
#include "channel/transport/device_proxy.h"

#include <utility>

#include "base/log.h"
#include "channel/transport/device_report_message.h"
#include "channel/wire/bus_names.h"

namespace opendext::channel {

namespace orders = bus::device;
namespace names = bus::device_reports;

std::expected<std::unique_ptr<DeviceProxy>, int> DeviceProxy::Attach(BusThread &bus_thread,
                                                                     UniqueFd socket,
                                                                     Options options) {
    std::unique_ptr<DeviceProxy> proxy(new DeviceProxy(std::move(options)));
    int error = 0;
    // As one task, so that no message comes before peer_ is set.
    bus_thread.RunAndWait([&] {
        auto peer = BusPeer::Attach(bus_thread, std::move(socket), BusSide::kServer, nullptr,
                                    [raw = proxy.get()](BusPeer &made) { raw->SetUpPeer(made); });
        error = peer ? 0 : peer.error();
        proxy->peer_ = peer ? std::move(*peer) : nullptr;
    });
    if (error != 0) {
        return std::unexpected(error);
    }
    return proxy;
}

DeviceProxy::~DeviceProxy() = default;

void DeviceProxy::SetUpPeer(BusPeer &peer) {
    peer.AddSignalHandler({names::kInterface, names::kReady}, [this](MessageReader &reader) {
        const std::string problem = reader.Text();
        const auto on_ready = std::exchange(options_.on_ready, nullptr);
        if (!on_ready || !reader.is_ok()) {
            return;
        }
        if (problem.empty()) {
            on_ready({});
        } else {
            on_ready(std::unexpected(problem));
        }
    });
    peer.AddSignalHandler({names::kInterface, names::kAttached}, [this](MessageReader &reader) {
        const UsbDeviceReport report = ReadDeviceReport(reader);
        if (reader.is_ok()) {
            options_.reports->Attached(report);
        } else {
            LogError("a device's process has reported a device that cannot be; it is left out");
        }
    });
    peer.AddSignalHandler({names::kInterface, names::kDetached}, [this](MessageReader &reader) {
        const uint64_t device = reader.U64();
        if (reader.is_ok()) {
            options_.reports->Detached(static_cast<DeviceId>(device));
        }
    });
    peer.AddSignalHandler({names::kInterface, names::kConfigured}, [this](MessageReader &reader) {
        const uint64_t device = reader.U64();
        const uint32_t value = reader.U32();
        const bool publishes = reader.Bool();
        if (reader.is_ok() && value <= UINT8_MAX) {
            options_.reports->Configured(static_cast<DeviceId>(device), static_cast<uint8_t>(value),
                                         publishes);
        }
    });
    peer.AddSignalHandler(
        {names::kInterface, names::kSettingSelected}, [this](MessageReader &reader) {
            const uint64_t device = reader.U64();
            const UsbInterfaceReport setting = ReadInterfaceReport(reader);
            if (reader.is_ok()) {
                options_.reports->SettingSelected(static_cast<DeviceId>(device), setting);
            }
        });
    peer.AddSignalHandler({names::kInterface, names::kLogLine}, [this](MessageReader &reader) {
        const uint32_t level = reader.U32();
        const std::string text = reader.Text();
        if (reader.is_ok()) {
            options_.reports->LogLine(level, text);
        }
    });
}

void DeviceProxy::OpenSession(DeviceId device, UniqueFd socket) {
    peer_->Emit({orders::kInterface, orders::kOpenSession},
                [device, socket = std::move(socket)](MessageWriter &writer) {
                    writer.U64(static_cast<uint64_t>(device));
                    writer.Fd(socket.get());
                });
}

void DeviceProxy::SetConfiguration(DeviceId device, uint8_t value, Answer answer) {
    peer_->CallAsync(
        {orders::kInterface, orders::kSetConfiguration},
        [device, value](MessageWriter &writer) {
            writer.U64(static_cast<uint64_t>(device));
            writer.U32(value);
        },
        [answer = std::move(answer)](MessageReader *reader) {
            const bool is_set = reader != nullptr && reader->Bool();
            std::string problem = reader == nullptr ? "" : reader->Text();
            if (is_set && reader->is_ok()) {
                answer({});
            } else {
                answer(std::unexpected(std::move(problem)));
            }
        });
}

void DeviceProxy::Exit() {
    peer_->Emit({orders::kInterface, orders::kExit}, [](MessageWriter &) {});
}

void DeviceProxy::Kill(int signal) {
    if (options_.kill) {
        options_.kill(signal);
    }
}

}  // namespace opendext::channel
