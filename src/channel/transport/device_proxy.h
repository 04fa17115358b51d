// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <functional>
#include <memory>
#include <string>

#include "channel/transport/bus_peer.h"
#include "channel/wire/device_seam.h"

namespace opendext::channel {

/// The process of a device as the registry holds it: sends orders, and passes the process's reports to `reports`. Never
/// waits for the process. Used on the bus thread.
class DeviceProxy final : public DevicePort {
public:
    struct Options {
        /// Outlives the proxy.
        DeviceReports *reports = nullptr;
        /// The process serves orders from now on; or one line that says why it cannot.
        std::function<void(std::expected<void, std::string>)> on_ready;
        /// Sends the process a signal: who started it does that.
        std::function<void(int signal)> kill;
    };

    /// Takes the registry's end of the socket that the process was started with. @return errno.
    [[nodiscard]] static std::expected<std::unique_ptr<DeviceProxy>, int> Attach(
        BusThread &bus_thread, UniqueFd socket, Options options);
    ~DeviceProxy() override;

    void OpenSession(DeviceId device, UniqueFd socket) override;
    void SetConfiguration(DeviceId device, uint8_t value, Answer answer) override;
    void Exit() override;
    void Kill(int signal) override;

private:
    explicit DeviceProxy(Options options) : options_(std::move(options)) {}
    void SetUpPeer(BusPeer &peer);

    Options options_;
    std::unique_ptr<BusPeer> peer_;
};

}  // namespace opendext::channel
