// SPDX-License-Identifier: Apache-2.0
#include "tests/rig/embedded_rig.h"

#include <chrono>
#include <optional>
#include <string_view>
#include <utility>

#include "backends/api/pci_identity.h"
#include "backends/emulated/emulated_pci_backend.h"
#include "base/log.h"
#include "base/property_list.h"
#include "device_host/port_kinds.h"
#include "iokit/session.h"
#include "models/catalog.h"
#include "runtime/dispatch/worker_pool.h"

namespace opendext::rig {

namespace {

constexpr std::chrono::milliseconds kEndPatience{5000};

std::expected<std::shared_ptr<backends::PciBackend>, std::string> MakeDevice(
    const std::string &device) {
    auto model = models::CreateModel(device);
    if (!model) {
        return std::unexpected(std::move(model.error()));
    }
    auto backend = backends::EmulatedPciBackend::Create(*std::move(model));
    if (!backend) {
        return std::unexpected(device + ": no valid PCI function");
    }
    return *std::move(backend);
}

std::expected<void, std::string> AddDevices(embedded::EmbeddedSystem &system,
                                            const RigOptions &options) {
    for (const std::string &device : options.devices) {
        if (device_host::IsUsbPort(device)) {
            continue;
        }
        auto backend = MakeDevice(device);
        if (!backend) {
            return std::unexpected(std::move(backend.error()));
        }
        system.AddProvider({.class_name = "IOPCIDevice",
                            .name = "device",
                            .location = "4,0",
                            .device = device,
                            .properties = backends::PciIdentityProperties(**backend)});
    }
    for (const auto &dext : options.dexts) {
        auto added = system.AddBundle(dext);
        if (!added) {
            return std::unexpected(std::move(added.error()));
        }
    }
    // Behind the drivers: a device that none of them matches is configured without one.
    for (const std::string &device : options.devices) {
        if (!device_host::IsUsbPort(device)) {
            continue;
        }
        auto port = device_host::MakePort(device);
        if (!port) {
            return std::unexpected(std::move(port.error()));
        }
        system.AddUsbPort(*std::move(port), device);
    }
    return {};
}

std::optional<PropertyValue::Dictionary> Entitlements(const RigOptions &options) {
    if (options.app_entitlements.empty()) {
        return std::nullopt;
    }
    auto list = ReadPropertyList(options.app_entitlements);
    const auto *dictionary = list ? list->IfDictionary() : nullptr;
    return dictionary == nullptr ? PropertyValue::Dictionary() : *dictionary;
}

}  // namespace

std::expected<std::unique_ptr<DriverRig>, std::string> EmbeddedRig::Start(
    const RigOptions &options) {
    std::unique_ptr<EmbeddedRig> rig(new EmbeddedRig);
    SetLogSink([log = rig->log_](LogLevel /*level*/, std::string_view line) {
        log->Add(std::string(line));
    });
    auto system = embedded::EmbeddedSystem::Start(
        {.make_device = MakeDevice,
         .app_entitlements = Entitlements(options),
         .driver_log = [log = rig->log_](const std::string &line) { log->Add(line); },
         .start_timeout = options.start_timeout});
    if (!system) {
        return std::unexpected(std::move(system.error()));
    }
    rig->system_ = *std::move(system);
    if (auto added = AddDevices(*rig->system_, options); !added) {
        return std::unexpected(std::move(added.error()));
    }
    rig->system_->WaitUntilQuiet();
    iokit::Session::Current().Install(rig->system_->directory());
    return rig;
}

EmbeddedRig::~EmbeddedRig() {
    static_cast<void>(Stop());
}

std::string EmbeddedRig::Stop() {
    iokit::Session::Current().Install(nullptr);
    system_.reset();
    // A worker may be the last to hold a driver, and tell what it has left.
    static_cast<void>(dispatch::WorkerPool::Instance().WaitUntilIdle(kEndPatience));
    SetLogSink({});
    return {};
}

}  // namespace opendext::rig
