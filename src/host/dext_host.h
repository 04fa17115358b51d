// SPDX-License-Identifier: Apache-2.0
/// @file dext_host.h
/// The hosted side of a driver process: carries out the registry's orders.
#pragma once

#include <chrono>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "backends/api/pci_backend.h"
#include "backends/api/usb_backend.h"
#include "channel/wire/host_seam.h"
#include "host/dext_bundle.h"

namespace opendext::host {

/// What stands behind a provider: a PCI device, or a session with a USB device.
using Device =
    std::variant<std::shared_ptr<backends::PciBackend>, std::shared_ptr<backends::UsbBackend>>;

/// Makes the device behind a provider that has one (ProviderDescription::device). On a worker, which may wait. The
/// error is one line that says what to do.
using DeviceFactory =
    std::function<std::expected<Device, std::string>(const channel::ProviderDescription &provider)>;

/// How an opened user client is handed to the application; the default hands the session itself out.
using EndpointFactory = std::function<std::expected<channel::ClientEndpoint, int32_t>(
    std::shared_ptr<channel::UserClientPort> session)>;

struct DextHostOptions {
    std::shared_ptr<const LoadedDext> dext;
    channel::HostReports *reports = nullptr;  ///< Outlives the host and every object of the dext.
    /// Kept until the last of those is gone; may own `reports`.
    std::shared_ptr<const void> reports_owner;
    DeviceFactory make_device;
    EndpointFactory make_endpoint;
    /// Runs a piece of work on the thread that gives the orders, later; answers are given there. The default
    /// gives them on the thread at hand, a worker. It must also work after the host is gone.
    std::function<void(std::function<void()>)> post;
    /// The order Exit, when the Stops that were ordered before it have returned. Any thread.
    std::function<void()> on_exit;
    /// A service whose Stop succeeded and whose base class's Stop has not run after this time gets a log line.
    std::chrono::milliseconds stop_warning = std::chrono::seconds(5);
};

/// One loaded dext. Orders return at once; driver code runs on its own queues. Destroying the host answers all
/// open orders with kHostGone and drops its references on the services, as the end of the process would;
/// order StopService first to end them cleanly.
class DextHost final : public channel::DextHostPort {
public:
    explicit DextHost(DextHostOptions options);
    ~DextHost() override;
    DextHost(const DextHost &) = delete;
    DextHost &operator=(const DextHost &) = delete;

    void StartService(const channel::ServiceStart &start,
                      std::function<void(int32_t)> answer) override;
    void OpenClient(
        const channel::ClientOpen &open,
        std::function<void(std::expected<channel::OpenedClient, int32_t>)> answer) override;
    void StopService(channel::EntryId entry, channel::StopMode mode,
                     std::function<void(int32_t)> answer) override;
    void SetPowerState(channel::EntryId entry, uint32_t flags,
                       std::function<void(int32_t)> answer) override;
    void NotifyService(uint64_t watch, channel::ServiceEvent event,
                       const channel::ProviderDescription &service) override;
    void NotifyState(uint64_t watch) override;
    void ReadReports(
        channel::EntryId service, const std::vector<uint64_t> &channels,
        std::function<void(std::expected<std::vector<uint8_t>, int32_t>)> answer) override;
    void Exit() override;
    /// Nothing: the launcher of a driver process ends it, and a driver in the caller's process cannot be ended.
    void Kill(int) override {}

    /// Services that are started and not stopped, user clients among them.
    [[nodiscard]] size_t NumServices() const;

private:
    class Orders;
    const std::shared_ptr<Orders> orders_;
};

}  // namespace opendext::host
