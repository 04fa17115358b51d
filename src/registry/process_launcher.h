// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <set>

#include "channel/transport/bus_thread.h"
#include "channel/wire/host_seam.h"

namespace opendext::registry {

/// Starts a driver process per request, with a bus socket as descriptor 3 and a pipe for its crash report as
/// descriptor 4, and watches over it. On the bus thread.
class ProcessLauncher final : public channel::HostLauncher {
public:
    struct Options {
        std::filesystem::path program;                       ///< opendext-host.
        std::chrono::milliseconds check_in_timeout{120000};  ///< semantics.md 3.5.
    };

    ProcessLauncher(channel::BusThread &bus_thread, Options options)
        : bus_thread_(bus_thread), options_(std::move(options)) {}
    ~ProcessLauncher() override;

    std::unique_ptr<channel::DextHostPort> Launch(const Request &request,
                                                  std::function<void(int32_t)> ready) override;

private:
    class Process;

    channel::BusThread &bus_thread_;
    const Options options_;
};

}  // namespace opendext::registry
