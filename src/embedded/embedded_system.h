// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <expected>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "backends/api/usb_port.h"
#include "channel/transport/bus_thread.h"
#include "channel/wire/service_directory.h"
#include "host/dext_host.h"
#include "registry/registry.h"

namespace opendext::embedded {

/// OpenDext in one process: the registry, drivers, devices, and the application that uses them. The same code
/// as across processes, with direct connections in place of sockets and shared slots. For tests, fuzzers,
/// debuggers and sanitizers.
///
/// The registry has a thread of its own; drivers run on their queues; calls of the application run on its own
/// threads. Any thread may use this object, except the registry's (where listeners are called).
class EmbeddedSystem {
public:
    struct Options {
        /// Makes the PCI device behind a provider, by ProviderSpec::device.
        std::function<std::expected<std::shared_ptr<backends::PciBackend>, std::string>(
            const std::string &device)>
            make_device;
        /// What the application is entitled to; nothing: no check is made of it.
        std::optional<PropertyValue::Dictionary> app_entitlements;
        /// Receives what drivers log; empty: it goes to stderr.
        std::function<void(const std::string &)> driver_log;
        std::chrono::milliseconds start_timeout{20000};
    };

    [[nodiscard]] static std::expected<std::unique_ptr<EmbeddedSystem>, std::string> Start(
        Options options);

    /// Ends every service as an unplugged device does, and waits until all drivers have stopped and their threads
    /// rest. Connections of the application must be closed before.
    ~EmbeddedSystem();
    EmbeddedSystem(const EmbeddedSystem &) = delete;
    EmbeddedSystem &operator=(const EmbeddedSystem &) = delete;

    /// Publishes a device; a driver's process would find it by `spec.device`.
    channel::EntryId AddProvider(const registry::ProviderSpec &spec);

    /// Unplugs it from the registry.
    void RemoveProvider(channel::EntryId provider);

    /// Publishes what is attached to a port, now and from now on. `name` stands for it in the registry and in log lines
    /// ("model:usb-loopback"). Drivers have sessions with the port's device itself.
    void AddUsbPort(std::shared_ptr<backends::UsbPort> port, const std::string &name = "usb");

    /// Loads a .dext folder's personalities; its code is loaded when one matches. @return the bundle's identifier.
    [[nodiscard]] std::expected<std::string, std::string> AddBundle(
        const std::filesystem::path &path);

    /// Waits until nothing is being matched or started.
    void WaitUntilQuiet();

    /// The registry as an application uses it. Valid while this object is.
    [[nodiscard]] std::shared_ptr<channel::ServiceDirectory> directory();

private:
    struct Core;

    explicit EmbeddedSystem(std::unique_ptr<Core> core);

    const std::unique_ptr<Core> core_;
};

}  // namespace opendext::embedded
