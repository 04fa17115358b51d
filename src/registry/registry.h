// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "channel/wire/device_seam.h"
#include "channel/wire/host_seam.h"
#include "channel/wire/service_directory.h"
#include "registry/access.h"
#include "registry/bundle.h"
#include "registry/candidate_starter.h"
#include "registry/device_table.h"
#include "registry/host_table.h"
#include "registry/lifetime.h"
#include "registry/power_tree.h"
#include "registry/registry_tree.h"
#include "registry/scheduler.h"
#include "registry/service_notices.h"
#include "registry/state_items.h"
#include "registry/terminator.h"
#include "registry/watches.h"

namespace opendext::registry {

/// A device, or another thing that drivers match on, to be put into the registry.
struct ProviderSpec {
    std::string class_name;  ///< IOPCIDevice, ...
    std::string name;
    std::string location;
    std::string device;  ///< Device port, "model:fpga-dma".
    PropertyValue::Dictionary properties;
    EntryId parent = EntryId::kNone;  ///< kNone: the root.
    std::string part;                 ///< Which part of the device: a USB interface's number.
    /// Drivers are matched to it; else it is there and nobody finds it, until RegisterProvider.
    bool registers = true;
};

/// The registry: the tree of services, matching, the driver processes, and who may open what. It does no I/O
/// of its own: processes come from a HostLauncher, time from a Scheduler. Everything happens on one thread,
/// that of the scheduler; no call waits.
class Registry {
public:
    struct Options {
        CandidateStarter::Options starter;
        /// Receives what drivers log: the process's label, the level and the text.
        std::function<void(const std::string &, uint32_t, const std::string &)> driver_log;
        /// How long Shutdown waits for driver processes before it kills those that are left.
        std::chrono::milliseconds exit_timeout{10000};
    };

    Registry(channel::HostLauncher &launcher, Scheduler &scheduler, Options options);
    Registry(const Registry &) = delete;
    Registry &operator=(const Registry &) = delete;

    /// Reads a .dext folder and makes its personalities candidates, for all that is there already too.
    /// @return the bundle's identifier, or one line that says what is wrong.
    std::expected<std::string, std::string> AddBundle(const std::filesystem::path &path);

    /// Publishes a provider, and matches drivers to it. @return kNone when its parent is not there, or ends.
    EntryId AddProvider(const ProviderSpec &spec);

    /// Matches drivers to a provider that was added without that.
    void RegisterProvider(EntryId provider);

    /// Sets a property of a provider.
    void SetProviderProperty(EntryId provider, const std::string &key, PropertyValue value);
    void RemoveProviderProperty(EntryId provider, const std::string &key);

    /// Starts a USB device, whose entries come and go with its reports. `ready` as DeviceLauncher::Launch.
    void AddDevice(channel::DeviceLauncher &launcher, const std::string &specification,
                   channel::DeviceLauncher::Ready ready);
    [[nodiscard]] DeviceTable &devices() { return devices_; }

    /// The provider is gone (unplugged): it ends with all that stands on it.
    void RemoveProvider(EntryId provider);

    /// A line of a process's own, to who reads what drivers log.
    void LogLine(const std::string &label, uint32_t level, const std::string &text) const;

    [[nodiscard]] std::vector<EntryId> Find(const PropertyValue::Dictionary &matching);
    /// As Watches::WatchServices.
    uint64_t WatchServices(channel::NotificationKind kind,
                           const PropertyValue::Dictionary &matching, Watches::Deliver deliver,
                           std::vector<EntryId> *existing);
    [[nodiscard]] std::expected<channel::EntryDescription, int32_t> Describe(EntryId entry) const;
    /// IOServiceGetBusyState: matching that is under way on the entry or below it, and what drivers have added.
    [[nodiscard]] uint32_t BusyState(EntryId entry) const {
        return starter_.BusyCount(entry) + tree_.DriversBusy(entry);
    }
    [[nodiscard]] const RegistryTree &tree() const { return tree_; }
    [[nodiscard]] Watches &watches() { return watches_; }
    [[nodiscard]] CandidateStarter &starter() { return starter_; }

    /// IOServiceOpen (semantics.md 2.1). `done` is called once, on this thread, unless the registry is destroyed
    /// before.
    using Opened = std::function<void(std::expected<channel::OpenedClient, int32_t>)>;
    void Open(EntryId service, uint32_t type, const AppIdentity &app, Opened done);

    /// ServiceDirectory::ReadReports. `done` as of Open.
    using Reported = std::function<void(std::expected<std::vector<uint8_t>, int32_t>)>;
    void ReadReports(EntryId service, Reported done);

    /// ServiceDirectory::SetAsleep. `done` as of Open.
    void SetAsleep(bool asleep, std::function<void()> done) {
        power_.SetAsleep(asleep, std::move(done));
    }

    /// Calls `then` once, when none of the user clients is left that applications have opened which have ended by
    /// now, as `has_ended` says of a process id. At once if there is none.
    void WhenOrphansGone(const std::function<bool(int pid)> &has_ended, std::function<void()> then);

    /// Calls `then` once, when no driver process is left that has no service, as those that failed in Start have
    /// none: what is to be said of their end has been logged. At once if there is none; after `patience` in any case.
    void WhenIdleHostsGone(std::chrono::milliseconds patience, std::function<void()> then);

    /// How many driver processes have ended by a signal or by themselves, when nobody had asked them to.
    [[nodiscard]] uint32_t num_crashes() const { return num_crashes_; }

    /// Ends every provider and so every service, then the devices; `done` is called when all processes of drivers and
    /// devices are gone. Nothing is added to the registry afterwards.
    void Shutdown(std::function<void()> done);

private:
    friend class HostedReports;

    void ServiceStarted(EntryId entry);
    void Publish(RegistryEntry &entry);
    void HostExited(HostId host, const channel::HostExit &exit);
    void HandleHostExit(HostId host, const channel::HostExit &exit);
    void FinishOpen(EntryId service, const AppIdentity &app, const Opened &done,
                    std::expected<channel::OpenedClient, int32_t> opened);
    /// An application looks for this and finds nothing: a service that it would find if its driver had registered it
    /// gets a line, once.
    void WarnOfUnregistered(const PropertyValue::Dictionary &matching);
    void EntriesRemoved();
    void SendPowerState(EntryId service, uint32_t flags, std::function<void()> done);
    [[nodiscard]] bool HasIdleHost() const;
    void CheckIdleHosts();
    /// The names of the services in that process, with commas.
    [[nodiscard]] std::string ServicesOf(HostId host) const;
    void KillAllHosts();
    void CheckShutdown();

    Scheduler &scheduler_;
    const Options options_;
    RegistryTree tree_;
    Watches watches_;
    HostTable hosts_;
    ServiceNotices notices_;
    StateItems states_;
    PowerTree power_;
    Terminator terminator_;
    CandidateStarter starter_;
    DeviceTable devices_;
    std::vector<std::unique_ptr<Bundle>> bundles_;
    struct OrphanWait {
        std::vector<EntryId> clients;
        std::function<void()> then;
    };
    std::vector<OrphanWait> orphan_waits_;
    struct IdleHostWait {
        uint64_t timer = 0;
        std::function<void()> then;
    };
    std::vector<IdleHostWait> idle_host_waits_;
    std::vector<std::function<void()>> shutdown_done_;
    uint32_t num_crashes_ = 0;
    bool is_shutting_down_ = false;
    Lifetime lifetime_;
};

}  // namespace opendext::registry
