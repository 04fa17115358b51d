// SPDX-License-Identifier: Apache-2.0
#include "embedded/embedded_system.h"

#include <chrono>
#include <cstring>
#include <future>
#include <optional>
#include <utility>

#include "base/interleaver.h"
#include "base/log.h"
#include "base/os_log.h"
#include "embedded/direct_directory.h"
#include "embedded/embedded_devices.h"
#include "embedded/embedded_launcher.h"
#include "registry/bus_scheduler.h"
#include "registry/directory_adapter.h"
#include "runtime/dispatch/worker_pool.h"

namespace opendext::embedded {

namespace {

// How long a driver that does not come to an end may delay ours.
constexpr std::chrono::seconds kWorkerPatience{10};

}  // namespace

using MakePciDevice = decltype(EmbeddedSystem::Options::make_device);

/// Made and destroyed on the caller's thread; the registry and its adapter live on the bus thread.
struct EmbeddedSystem::Core {
    Core(std::unique_ptr<channel::BusThread> registry_thread, Options options)
        : thread(std::move(registry_thread)),
          scheduler(*thread),
          devices(*thread),
          launcher(*thread, [this, make_pci = std::move(options.make_device)](
                                const channel::ProviderDescription &provider) {
              return MakeDevice(provider, make_pci);
          }) {
        thread->RunAndWait([&] {
            registry::Registry::Options registry_options;
            registry_options.starter.start_timeout = options.start_timeout;
            registry = std::make_unique<registry::Registry>(launcher, scheduler,
                                                            std::move(registry_options));
            adapter = std::make_unique<registry::DirectoryAdapter>(
                *registry, std::move(options.app_entitlements));
        });
        directory = std::make_shared<DirectDirectory>(*thread, *adapter);
    }

    ~Core() {
        thread->RunAndWait([this] {
            adapter.reset();
            registry.reset();
        });
        devices.CloseReports();
        launcher.CloseReports();
        // A worker on its way out may hold the last reference to a driver's code: it must not unload it while
        // the process exits.
        if (!dispatch::WorkerPool::Instance().WaitUntilIdle(kWorkerPatience)) {
            LogWarning("a driver is still at work {} s after its services have ended",
                       kWorkerPatience.count());
        }
    }

    /// On a driver's worker.
    std::expected<host::Device, std::string> MakeDevice(
        const channel::ProviderDescription &provider, const MakePciDevice &make_pci) {
        std::optional<registry::DeviceTable::Place> usb;
        thread->RunAndWait([&] {
            usb = registry == nullptr ? std::nullopt : registry->devices().PlaceOf(provider.entry);
        });
        if (usb) {
            auto session = devices.Open(usb->port, usb->device);
            if (!session) {
                return std::unexpected(std::move(session.error().message));
            }
            return *std::move(session);
        }
        if (!make_pci) {
            return std::unexpected("no such device is attached");
        }
        auto made = make_pci(provider.device);
        if (!made) {
            return std::unexpected(std::move(made.error()));
        }
        return *std::move(made);
    }

    const std::unique_ptr<channel::BusThread> thread;
    registry::BusScheduler scheduler;
    EmbeddedDevices devices;
    EmbeddedLauncher launcher;
    std::unique_ptr<registry::Registry> registry;
    std::unique_ptr<registry::DirectoryAdapter> adapter;
    std::shared_ptr<DirectDirectory> directory;
};

std::expected<std::unique_ptr<EmbeddedSystem>, std::string> EmbeddedSystem::Start(Options options) {
    auto thread = channel::BusThread::Start("registry");
    if (!thread) {
        return std::unexpected(std::string("no registry thread: ") + std::strerror(thread.error()));
    }
    if (options.driver_log) {
        SetOsLogSink(
            [log = options.driver_log](const OsLogLine &line) { log(std::string(line.message)); });
    }
    return std::unique_ptr<EmbeddedSystem>(
        new EmbeddedSystem(std::make_unique<Core>(*std::move(thread), std::move(options))));
}

EmbeddedSystem::EmbeddedSystem(std::unique_ptr<Core> core) : core_(std::move(core)) {}

EmbeddedSystem::~EmbeddedSystem() {
    std::promise<void> done;
    core_->thread->Post([&] { core_->registry->Shutdown([&done] { done.set_value(); }); });
    done.get_future().wait();
    SetOsLogSink({});
}

channel::EntryId EmbeddedSystem::AddProvider(const registry::ProviderSpec &spec) {
    channel::EntryId entry = channel::EntryId::kNone;
    core_->thread->RunAndWait([&] { entry = core_->registry->AddProvider(spec); });
    return entry;
}

void EmbeddedSystem::RemoveProvider(channel::EntryId provider) {
    core_->thread->RunAndWait([&] { core_->registry->RemoveProvider(provider); });
}

void EmbeddedSystem::AddUsbPort(std::shared_ptr<backends::UsbPort> port, const std::string &name) {
    core_->thread->RunAndWait([&] {
        core_->devices.Add(std::move(port));
        core_->registry->AddDevice(core_->devices, name,
                                   [](const std::expected<void, std::string> &) {});
    });
}

std::expected<std::string, std::string> EmbeddedSystem::AddBundle(
    const std::filesystem::path &path) {
    std::expected<std::string, std::string> result;
    core_->thread->RunAndWait([&] { result = core_->registry->AddBundle(path); });
    return result;
}

void EmbeddedSystem::WaitUntilQuiet() {
    const Interleaver::OutsideScope outside;
    std::promise<void> quiet;
    core_->thread->Post(
        [&] { core_->registry->starter().WhenQuiet([&quiet] { quiet.set_value(); }); });
    quiet.get_future().wait();
}

std::shared_ptr<channel::ServiceDirectory> EmbeddedSystem::directory() {
    return core_->directory;
}

}  // namespace opendext::embedded
