// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "backends/api/usb_port.h"
#include "channel/transport/bus_thread.h"
#include "channel/wire/device_seam.h"
#include "embedded/reports_on_thread.h"

namespace opendext::embedded {

/// "Starts" devices in this process: joins the ports that were given to it with the registry.
class EmbeddedDevices final : public channel::DeviceLauncher {
public:
    explicit EmbeddedDevices(channel::BusThread &thread)
        : thread_(thread), gate_(std::make_shared<ReportsGate>()) {}

    /// The next Launch is for this port. On the registry's thread.
    void Add(std::shared_ptr<backends::UsbPort> port);

    /// A session with a device. Any thread.
    /// @return kNotFound when there is no such port; as UsbPort::Open.
    [[nodiscard]] backends::BackendResult<std::shared_ptr<backends::UsbBackend>> Open(
        uint32_t port, channel::DeviceId device);

    /// Returns when no report is on its way to the thread, and none comes any more. Not on the thread, which still runs.
    void CloseReports() { gate_->Close(); }

    std::unique_ptr<channel::DevicePort> Launch(const Request &request, Ready ready) override;

private:
    class Device;

    channel::BusThread &thread_;
    const std::shared_ptr<ReportsGate> gate_;
    std::mutex mutex_;
    std::vector<std::shared_ptr<backends::UsbPort>>
        ports_;  // guarded by mutex_; by the registry's number
};

}  // namespace opendext::embedded
