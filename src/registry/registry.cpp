// SPDX-License-Identifier: Apache-2.0
#include "registry/registry.h"

#include <algorithm>
#include <csignal>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/log.h"
#include "channel/wire/io_result.h"
#include "registry/crash_symbols.h"
#include "registry/hosted_reports.h"
#include "registry/kernel_classes.h"
#include "registry/matching.h"

namespace opendext::registry {

namespace {

// Little-endian data property, as the platform publishes PCI registers.
uint32_t RegisterProperty(const PropertyValue::Dictionary &properties, std::string_view key) {
    const auto found = properties.find(key);
    const auto *bytes = found == properties.end() ? nullptr : found->second.IfData();
    uint32_t value = 0;
    for (size_t i = 0; bytes != nullptr && i < std::min<size_t>(bytes->size(), 4); ++i) {
        value |= static_cast<uint32_t>((*bytes)[i]) << (8 * i);
    }
    return value;
}

PciIdentity IdentityOf(const PropertyValue::Dictionary &properties) {
    return {.device_vendor = (RegisterProperty(properties, "device-id") << 16) |
                             RegisterProperty(properties, "vendor-id"),
            .class_revision = (RegisterProperty(properties, "class-code") << 8) |
                              (RegisterProperty(properties, "revision-id") & 0xff),
            .subsystem_vendor = (RegisterProperty(properties, "subsystem-id") << 16) |
                                RegisterProperty(properties, "subsystem-vendor-id")};
}

void LogExit(const DriverHost &host, const channel::HostExit &exit) {
    if (exit.signal != 0) {
        LogError("driver process {} (pid {}) died of signal {} ({})", host.label, exit.pid,
                 exit.signal, strsignal(exit.signal));
    } else if (!host.exiting) {
        LogError("driver process {} (pid {}) exited by itself with status {}", host.label, exit.pid,
                 exit.exit_code);
    }
    LogBacktrace(exit.backtrace);
}

}  // namespace

Registry::Registry(channel::HostLauncher &launcher, Scheduler &scheduler, Options options)
    : scheduler_(scheduler),
      options_(std::move(options)),
      watches_(tree_),
      hosts_(
          launcher, [this](HostId host) { return std::make_unique<HostedReports>(*this, host); },
          [this](HostId host, const channel::HostExit &exit) { HostExited(host, exit); }),
      notices_(tree_, watches_, hosts_),
      states_(tree_, hosts_),
      power_(tree_, scheduler,
             [this](EntryId service, uint32_t flags, std::function<void()> done) {
                 SendPowerState(service, flags, std::move(done));
             }),
      terminator_(
          tree_, watches_, hosts_, [this](HostId host) { hosts_.Exit(host); },
          [this] { EntriesRemoved(); }),
      starter_(tree_, hosts_, scheduler, options_.starter),
      devices_(*this, scheduler) {
    starter_.OnStarted([this](EntryId entry) { ServiceStarted(entry); });
    starter_.OnFailed([this](EntryId entry) { terminator_.Discard(entry); });
    starter_.OnTried([this](EntryId provider) { devices_.DriversTried(provider); });
    AddProvider({.class_name = "IOUserResources",
                 .name = "IOUserResources",
                 .properties = {{"IOKit", PropertyValue("IOService")}}});
}

std::expected<std::string, std::string> Registry::AddBundle(const std::filesystem::path &path) {
    auto bundle = ReadBundle(path);
    if (!bundle) {
        return std::unexpected(std::move(bundle.error()));
    }
    if (!bundle->entitlements) {
        LogWarning(
            "{} has no entitlements.plist, so no check of its entitlements is made; give 'opendext "
            "build' "
            "the .entitlements file",
            path.string());
    }
    bundles_.push_back(std::make_unique<Bundle>(*std::move(bundle)));
    const Bundle &added = *bundles_.back();
    starter_.AddBundle(added);
    return added.identifier;
}

EntryId Registry::AddProvider(const ProviderSpec &spec) {
    const EntryId parent_id = spec.parent == EntryId::kNone ? tree_.root() : spec.parent;
    const RegistryEntry *parent = tree_.Find(parent_id);
    if (parent == nullptr || !parent->active || is_shutting_down_) {
        return EntryId::kNone;
    }
    RegistryEntry &entry = tree_.Add(parent_id, spec.class_name, spec.name);
    entry.location = spec.location;
    entry.device = spec.device;
    entry.part = spec.part;
    entry.properties = spec.properties;
    entry.started = true;
    if (KernelClassConforms(spec.class_name, "IOPCIDevice")) {
        entry.pci = IdentityOf(spec.properties);
    }
    const EntryId id = entry.id;
    if (spec.registers) {
        Publish(entry);
    }
    return id;
}

void Registry::RegisterProvider(EntryId provider) {
    RegistryEntry *entry = tree_.Find(provider);
    if (entry != nullptr && entry->active && entry->host == 0) {
        Publish(*entry);
    }
}

void Registry::SetProviderProperty(EntryId provider, const std::string &key, PropertyValue value) {
    if (RegistryEntry *entry = tree_.Find(provider)) {
        entry->properties.insert_or_assign(key, std::move(value));
    }
}

void Registry::RemoveProviderProperty(EntryId provider, const std::string &key) {
    if (RegistryEntry *entry = tree_.Find(provider)) {
        entry->properties.erase(key);
    }
}

void Registry::AddDevice(channel::DeviceLauncher &launcher, const std::string &specification,
                         channel::DeviceLauncher::Ready ready) {
    devices_.Add(launcher, specification, std::move(ready));
}

void Registry::RemoveProvider(EntryId provider) {
    terminator_.Terminate(provider);
}

void Registry::ServiceStarted(EntryId id) {
    terminator_.StartFinished(id);
    RegistryEntry *entry = tree_.Find(id);
    if (entry != nullptr && std::exchange(entry->registration_deferred, false) && entry->active) {
        Publish(*entry);
    }
    if (entry != nullptr && entry->host != 0) {
        power_.Join(id);
    }
}

void Registry::SendPowerState(EntryId service, uint32_t flags, std::function<void()> done) {
    const RegistryEntry *entry = tree_.Find(service);
    DriverHost *host = entry != nullptr ? hosts_.Find(entry->host) : nullptr;
    if (host == nullptr) {
        done();
        return;
    }
    host->port->SetPowerState(service, flags, [done = std::move(done)](int32_t) { done(); });
}

void Registry::Publish(RegistryEntry &entry) {
    const EntryId id = entry.id;
    const bool first = !std::exchange(entry.registered, true);
    watches_.ServiceRegistered(entry, first);
    if (!is_shutting_down_) {
        starter_.Match(id);
    }
}

void Registry::LogLine(const std::string &label, uint32_t level, const std::string &text) const {
    if (options_.driver_log) {
        options_.driver_log(label, level, text);
    }
}

std::vector<EntryId> Registry::Find(const PropertyValue::Dictionary &matching) {
    std::vector<EntryId> found;
    for (const RegistryEntry *entry : tree_.All()) {
        if (entry->registered && entry->active && !FindMismatch(tree_, *entry, matching)) {
            found.push_back(entry->id);
        }
    }
    if (found.empty()) {
        WarnOfUnregistered(matching);
    }
    return found;
}

uint64_t Registry::WatchServices(channel::NotificationKind kind,
                                 const PropertyValue::Dictionary &matching,
                                 Watches::Deliver deliver, std::vector<EntryId> *existing) {
    const uint64_t watch = watches_.WatchServices(kind, matching, std::move(deliver), existing);
    // A watch for terminations begins empty, whatever there is.
    const bool is_for_ends = kind == channel::NotificationKind::kTerminate ||
                             kind == channel::NotificationKind::kWillTerminate;
    if (existing->empty() && !is_for_ends) {
        WarnOfUnregistered(matching);
    }
    return watch;
}

void Registry::WarnOfUnregistered(const PropertyValue::Dictionary &matching) {
    for (const RegistryEntry *seen : tree_.All()) {
        const bool is_hidden = seen->started && seen->active && !seen->registered &&
                               seen->host != 0 && seen->app_pid == 0 && !seen->missed &&
                               !KernelClassConforms(seen->class_name, "IOUserClient");
        if (is_hidden && !FindMismatch(tree_, *seen, matching)) {
            LogWarning(
                "an application looks for '{}', which has started but has not called "
                "RegisterService: until it does, nobody finds it",
                seen->name);
            tree_.Find(seen->id)->missed = true;
        }
    }
}

std::expected<channel::EntryDescription, int32_t> Registry::Describe(EntryId id) const {
    const RegistryEntry *entry = tree_.Find(id);
    if (entry == nullptr) {
        return std::unexpected(channel::kIoNoDevice);
    }
    return channel::EntryDescription{.id = entry->id,
                                     .parent = entry->parent,
                                     .name = entry->name,
                                     .location = entry->location,
                                     .class_name = entry->class_name,
                                     .class_ancestry = KernelClassAncestry(entry->class_name),
                                     .busy_state = BusyState(id),
                                     .registered = entry->registered,
                                     .active = entry->active};
}

void Registry::Open(EntryId service, uint32_t type, const AppIdentity &app, Opened done) {
    const RegistryEntry *entry = tree_.Find(service);
    if (entry == nullptr || !entry->active) {
        done(std::unexpected(channel::kIoNoDevice));
        return;
    }
    DriverHost *host = hosts_.Find(entry->host);
    if (host == nullptr || !entry->started) {
        done(std::unexpected(channel::kIoUnsupported));
        return;
    }
    PropertyValue::Dictionary entitlements = app.entitlements.value_or(PropertyValue::Dictionary{});
    if (app.is_administrator) {
        entitlements.insert_or_assign("com.apple.developer.driverkit.administrator", true);
    }
    channel::ClientOpen open{.service = service,
                             .type = type,
                             .creator = fmt::format("pid {}, {}", app.pid, app.name),
                             .entitlements = std::move(entitlements)};
    host->port->OpenClient(
        open, lifetime_.Guard([this, service, app, done = std::move(done)](
                                  std::expected<channel::OpenedClient, int32_t> opened) {
            FinishOpen(service, app, done, std::move(opened));
        }));
}

void Registry::FinishOpen(EntryId service_id, const AppIdentity &app, const Opened &done,
                          std::expected<channel::OpenedClient, int32_t> opened) {
    if (!opened) {
        done(std::move(opened));
        return;
    }
    const RegistryEntry *service = tree_.Find(service_id);
    RegistryEntry *client = tree_.Find(opened->client);
    // The process names the client: it may name only one that it made for this service.
    if (service == nullptr || client == nullptr || !client->active ||
        client->host != service->host || client->parent != service_id) {
        done(std::unexpected(channel::kIoNoDevice));
        return;
    }
    if (!KernelClassConforms(client->class_name, "IOUserUserClient")) {
        LogError("'{}' made a {} for its client '{}'; its IOClass must be IOUserUserClient",
                 service->name, client->class_name, client->name);
        terminator_.Terminate(opened->client);
        done(std::unexpected(channel::kIoUnsupported));
        return;
    }
    const DriverHost *host = hosts_.Find(service->host);
    const auto dext_entitlements = host == nullptr ? std::nullopt : host->bundle->entitlements;
    const auto access = CheckAppAccess(app, dext_entitlements, *service, *client);
    if (!access) {
        LogError("{}", access.error());
        terminator_.Terminate(opened->client);
        done(std::unexpected(channel::kIoNotPermitted));
        return;
    }
    client->app_pid = app.pid;
    client->properties.insert_or_assign("IOUserClientCreator",
                                        fmt::format("pid {}, {}", app.pid, app.name));
    done(std::move(opened));
}

// The launcher calls from inside its own bookkeeping, so the rest waits until that is done.
void Registry::HostExited(HostId host, const channel::HostExit &exit) {
    scheduler_.Post(lifetime_.Guard([this, host, exit] { HandleHostExit(host, exit); }));
}

void Registry::HandleHostExit(HostId host_id, const channel::HostExit &exit) {
    DriverHost *host = hosts_.Find(host_id);
    if (host == nullptr) {
        return;
    }
    LogExit(*host, exit);
    const bool was_crash = !std::exchange(host->exiting, true);
    num_crashes_ += !host->killed && (was_crash || exit.signal != 0) ? 1 : 0;
    struct Crashed {
        EntryId provider;
        std::string bundle;
        std::string personality;
    };
    std::vector<Crashed> crashed;
    for (const RegistryEntry *entry : tree_.All()) {
        if (was_crash && entry->host == host_id && entry->started && entry->active &&
            !entry->personality.empty()) {
            crashed.push_back({entry->parent,
                               StringProperty(entry->properties, "CFBundleIdentifier"),
                               entry->personality});
        }
    }
    starter_.HostGone(host_id);
    notices_.HostGone(host_id);
    states_.HostGone(host_id);
    terminator_.HostGone(host_id);
    hosts_.Remove(host_id);
    CheckIdleHosts();
    for (const Crashed &service : crashed) {
        if (!is_shutting_down_) {
            starter_.Rematch(service.provider, service.bundle, service.personality);
        }
    }
    CheckShutdown();
}

void Registry::WhenOrphansGone(const std::function<bool(int pid)> &has_ended,
                               std::function<void()> then) {
    OrphanWait wait{.clients = {}, .then = std::move(then)};
    for (const RegistryEntry *entry : tree_.All()) {
        if (entry->app_pid != 0 && has_ended(entry->app_pid)) {
            wait.clients.push_back(entry->id);
        }
    }
    orphan_waits_.push_back(std::move(wait));
    EntriesRemoved();
}

void Registry::EntriesRemoved() {
    power_.EntriesChanged();
    std::vector<std::function<void()>> due;
    for (auto wait = orphan_waits_.begin(); wait != orphan_waits_.end();) {
        std::erase_if(wait->clients, [this](EntryId id) { return tree_.Find(id) == nullptr; });
        if (wait->clients.empty()) {
            due.push_back(std::move(wait->then));
            wait = orphan_waits_.erase(wait);
        } else {
            ++wait;
        }
    }
    for (const auto &then : due) {
        then();
    }
}

bool Registry::HasIdleHost() const {
    return std::ranges::any_of(hosts_.All(), [this](HostId host) {
        return std::ranges::none_of(
            tree_.All(), [host](const RegistryEntry *entry) { return entry->host == host; });
    });
}

void Registry::WhenIdleHostsGone(std::chrono::milliseconds patience, std::function<void()> then) {
    if (!HasIdleHost()) {
        then();
        return;
    }
    IdleHostWait wait{.then = std::move(then)};
    wait.timer = scheduler_.After(patience, lifetime_.Guard([this] {
        for (const IdleHostWait &late : std::exchange(idle_host_waits_, {})) {
            late.then();
        }
    }));
    idle_host_waits_.push_back(std::move(wait));
}

void Registry::CheckIdleHosts() {
    if (idle_host_waits_.empty() || HasIdleHost()) {
        return;
    }
    for (const IdleHostWait &wait : std::exchange(idle_host_waits_, {})) {
        scheduler_.Cancel(wait.timer);
        wait.then();
    }
}

void Registry::Shutdown(std::function<void()> done) {
    shutdown_done_.push_back(std::move(done));
    if (!std::exchange(is_shutting_down_, true)) {
        scheduler_.After(options_.exit_timeout, lifetime_.Guard([this] { KillAllHosts(); }));
    }
    const RegistryEntry *root = tree_.Find(tree_.root());
    for (const EntryId provider : std::vector<EntryId>(root->children)) {
        terminator_.Terminate(provider);
    }
    CheckShutdown();
}

std::string Registry::ServicesOf(HostId host) const {
    std::vector<std::string> names;
    for (const RegistryEntry *entry : tree_.All()) {
        if (entry->host == host) {
            names.push_back(entry->name);
        }
    }
    return fmt::format("{}", fmt::join(names, ", "));
}

void Registry::KillAllHosts() {
    for (const HostId id : hosts_.All()) {
        if (DriverHost *host = hosts_.Find(id)) {
            const std::string services = ServicesOf(id);
            LogError("driver process {} has not ended {} ms after it was told to: {}; it is killed",
                     host->label, options_.exit_timeout.count(),
                     services.empty() ? "a Stop of its driver has not returned"
                                      : "these have not stopped: " + services);
            host->killed = true;
            host->port->Kill(SIGKILL);
        }
    }
    devices_.KillAll();
}

void Registry::CheckShutdown() {
    if (!is_shutting_down_ || !hosts_.All().empty()) {
        return;
    }
    // Devices outlive drivers: what a driver does to one while it stops works as ever.
    if (!devices_.empty()) {
        devices_.ExitAll(lifetime_.Guard([this] { CheckShutdown(); }));
        return;
    }
    for (const auto &done : std::exchange(shutdown_done_, {})) {
        done();
    }
}

}  // namespace opendext::registry
