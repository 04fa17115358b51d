// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <functional>
#include <memory>
#include <string>

#include "channel/transport/bus_peer.h"
#include "channel/wire/device_seam.h"

namespace opendext::channel {

/// The registry as the process of a device reaches it, over the socket that it was started with: sends reports, and
/// passes the registry's orders to a DevicePort. Any thread.
class DeviceConnection final : public DeviceReports {
public:
    /// Takes the process's end. `on_end` runs on the bus thread when the registry says that this process is to end, and
    /// when the registry is gone. @return errno.
    [[nodiscard]] static std::expected<std::unique_ptr<DeviceConnection>, int> Attach(
        BusThread &bus_thread, UniqueFd socket, std::function<void()> on_end);
    ~DeviceConnection() override;

    /// Passes orders but Exit to `port`, on the bus thread, until StopServing or the end of this object. To be called
    /// before the first report, which may bring an order.
    void Serve(DevicePort &port);

    /// Tells the registry that what is attached from the beginning has been reported.
    void ReportReady();

    /// After return the port is not called any more. Not on the bus thread.
    void StopServing();

    /// Tells the registry, instead, that this process cannot serve, and why.
    void ReportFailure(const std::string &problem);

    /// Reports. But on the bus thread, they have been sent when they return: who reports and then answers a driver has
    /// the registry know first.
    void Attached(const UsbDeviceReport &device) override;
    void Detached(DeviceId device) override;
    void Configured(DeviceId device, uint8_t value, bool publishes) override;
    void SettingSelected(DeviceId device, const UsbInterfaceReport &setting) override;
    void LogLine(uint32_t level, const std::string &text) override;

    // Orders of the registry; bus thread.
    int OnSetConfiguration(sd_bus_message *call);

private:
    DeviceConnection() = default;
    void SetUpPeer(BusPeer &peer);
    void SendNow(const char *member, BusPeer::Write write);

    DevicePort *port_ = nullptr;  // used on the bus thread only; NULL before Serve
    std::function<void()> on_end_;
    std::unique_ptr<BusPeer> peer_;
};

}  // namespace opendext::channel
