// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <utility>

#include "channel/transport/bus_thread.h"
#include "channel/wire/device_seam.h"

namespace opendext::registry {

/// Starts a process per device, as ProcessLauncher does for drivers. On the bus thread.
class DeviceProcessLauncher final : public channel::DeviceLauncher {
public:
    struct Options {
        std::filesystem::path program;  ///< opendext-device.
        /// Hardware that does not answer, and machines that are far away, have that long.
        std::chrono::milliseconds check_in_timeout{60000};
    };

    DeviceProcessLauncher(channel::BusThread &bus_thread, Options options)
        : bus_thread_(bus_thread), options_(std::move(options)) {}

    std::unique_ptr<channel::DevicePort> Launch(const Request &request, Ready ready) override;

private:
    class Process;

    channel::BusThread &bus_thread_;
    const Options options_;
};

}  // namespace opendext::registry
