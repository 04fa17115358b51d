// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "channel/transport/bus_thread.h"
#include "channel/wire/host_seam.h"
#include "embedded/reports_on_thread.h"
#include "host/dext_host.h"

namespace opendext::embedded {

/// "Starts" drivers in this process: loads the bundle and makes a DextHost. On the registry's thread.
class EmbeddedLauncher final : public channel::HostLauncher {
public:
    EmbeddedLauncher(channel::BusThread &thread, host::DeviceFactory make_device)
        : thread_(thread),
          make_device_(std::move(make_device)),
          gate_(std::make_shared<ReportsGate>()) {}

    /// Returns when no report of a driver is on its way to the thread, and none comes any more. Not on the thread,
    /// which still runs.
    void CloseReports() { gate_->Close(); }

    std::unique_ptr<channel::DextHostPort> Launch(const Request &request,
                                                  std::function<void(int32_t)> ready) override;

private:
    class Host;

    /// Posts to the thread while there is one.
    std::function<void(std::function<void()>)> Poster();

    channel::BusThread &thread_;
    const host::DeviceFactory make_device_;
    const std::shared_ptr<ReportsGate> gate_;
};

}  // namespace opendext::embedded
