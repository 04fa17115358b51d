// SPDX-License-Identifier: Apache-2.0
/// @file host_rig.h
/// A host of the test drivers, with a registry of maps and orders that wait for their answer.
#pragma once

#include <atomic>
#include <chrono>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/log.h"
#include "host/dext_host.h"
#include "runtime/service/testing/test_drivers.h"

namespace opendext::host {

/// Longest time that anything may take: only a hang reaches it.
inline constexpr std::chrono::seconds kHangGuard{30};

/// Waits until `condition()` holds.
template <typename Condition>
[[nodiscard]] bool WaitUntil(Condition condition) {
    const auto end = std::chrono::steady_clock::now() + kHangGuard;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end) {
            return false;
        }
        std::this_thread::yield();
    }
    return true;
}

/// A registry of one table. Termination is ordered through `on_terminate`.
class FakeReports final : public channel::HostReports {
public:
    struct Entry {
        channel::EntryId parent{};
        PropertyValue::Dictionary properties;
        PropertyValue::Dictionary user_properties;
        std::string name;
        bool registered = false;
        bool failed = false;
        bool stopped = false;
    };

    channel::EntryId Add(channel::EntryId parent, const PropertyValue::Dictionary &properties);
    [[nodiscard]] Entry Get(channel::EntryId id);

    std::expected<channel::EntryId, int32_t> CreateChild(channel::EntryId creator,
                                                         const PropertyValue &properties) override;
    void ChildFailed(channel::EntryId entry) override;
    int32_t RegisterService(channel::EntryId entry) override;
    int32_t Terminate(channel::EntryId entry) override;
    std::expected<PropertyValue, int32_t> CopyProperties(channel::EntryId entry) override;
    int32_t MergeProperties(channel::EntryId entry, const PropertyValue &properties) override;
    int32_t RemoveProperty(channel::EntryId entry, const std::string &key) override;
    std::expected<PropertyValue, int32_t> SearchProperty(channel::EntryId entry,
                                                         const std::string &key,
                                                         const std::string &plane,
                                                         bool parents) override;
    int32_t SetName(channel::EntryId entry, const std::string &name) override;
    std::expected<std::string, int32_t> CopyName(channel::EntryId entry) override;
    std::expected<std::vector<PropertyValue>, int32_t> CopyProviderProperties(
        channel::EntryId entry, const std::vector<std::string> &keys) override;
    std::expected<RelatedEntry, int32_t> CopyParent(channel::EntryId entry) override;
    std::expected<std::vector<RelatedEntry>, int32_t> CopyChildren(channel::EntryId entry) override;
    std::expected<UniqueFd, int32_t> OpenDevice(channel::EntryId entry) override;
    int32_t JoinPowerTree(channel::EntryId) override { return kIOReturnUnsupported; }
    int32_t ChangePowerState(channel::EntryId, uint32_t) override { return kIOReturnUnsupported; }
    int32_t SetPowerOverride(channel::EntryId, bool) override { return kIOReturnUnsupported; }
    int32_t AdjustBusy(channel::EntryId, int32_t) override { return kIOReturnUnsupported; }
    std::expected<uint32_t, int32_t> GetBusyState(channel::EntryId) override { return 0; }
    int32_t WatchServices(uint64_t, const PropertyValue &) override { return kIOReturnSuccess; }
    std::expected<channel::EntryId, int32_t> SystemStateService() override {
        return std::unexpected(kIOReturnUnsupported);
    }
    int32_t CreateStateItem(channel::EntryId, const std::string &, const PropertyValue &) override {
        return kIOReturnUnsupported;
    }
    int32_t SetStateItem(channel::EntryId, const std::string &, const PropertyValue &) override {
        return kIOReturnUnsupported;
    }
    std::expected<PropertyValue, int32_t> CopyStateItem(channel::EntryId,
                                                        const std::string &) override {
        return std::unexpected(kIOReturnUnsupported);
    }
    int32_t WatchStates(uint64_t, channel::EntryId, const std::vector<std::string> &) override {
        return kIOReturnSuccess;
    }
    void StopWatch(uint64_t) override {}
    void ServiceStopped(channel::EntryId entry) override;
    void LogLine(uint32_t, const std::string &) override {}

    std::function<int32_t(channel::EntryId)> on_terminate;

private:
    /// An entry's "IOClass" and "part", where a test has given it such properties.
    RelatedEntry RelationTo(channel::EntryId entry);

    std::mutex mutex_;
    std::map<channel::EntryId, Entry> entries_;  // guarded by mutex_
    uint64_t last_ = 0;                          // guarded by mutex_
};

/// Collects our own log lines as long as it exists.
class LogCapture {
public:
    LogCapture();
    ~LogCapture();
    LogCapture(const LogCapture &) = delete;
    LogCapture &operator=(const LogCapture &) = delete;

    [[nodiscard]] bool Has(const std::string &text);

private:
    struct Lines {
        std::mutex mutex;
        std::vector<std::string> lines;  // guarded by mutex
    };
    const std::shared_ptr<Lines> lines_ = std::make_shared<Lines>();
};

/// The dext of a HostRig that is given none.
[[nodiscard]] LoadedDext TestDext();

/// One host with the classes of the test drivers.
class HostRig {
public:
    explicit HostRig(service::DriverScript script = {}, DextHostOptions options = {});
    ~HostRig();
    HostRig(const HostRig &) = delete;
    HostRig &operator=(const HostRig &) = delete;

    /// Starts a TestDriver on `provider`; waits for the answer.
    int32_t Start(const std::string &user_class = "TestDriver");
    int32_t Stop(channel::EntryId entry, channel::StopMode mode = channel::StopMode::kAwaitReturn);
    std::expected<channel::OpenedClient, int32_t> Open(
        uint32_t type = 0,
        const PropertyValue &entitlements = PropertyValue(PropertyValue::Dictionary{}));

    /// Start and Open; the session.
    std::shared_ptr<channel::UserClientPort> OpenSession();

    service::DriverScript script;
    FakeReports reports;
    channel::EntryId provider_entry;
    channel::EntryId service_entry;
    channel::ProviderDescription provider;
    std::unique_ptr<DextHost> host;

private:
    service::ScriptInForce in_force_{script};
};

}  // namespace opendext::host
