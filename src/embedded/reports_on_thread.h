// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include "channel/transport/bus_thread.h"
#include "channel/wire/host_seam.h"

namespace opendext::embedded {

/// Lets reports through to the registry's thread for as long as there is one. Thread-safe.
class ReportsGate {
public:
    /// False: closed. True: the thread stays until Leave.
    [[nodiscard]] bool Enter();
    void Leave();

    /// Lets nobody in any more, and returns when everybody has left. Not on the registry's thread.
    void Close();

private:
    std::mutex mutex_;
    std::condition_variable left_;
    size_t num_inside_ = 0;   // guarded by mutex_
    bool is_closed_ = false;  // guarded by mutex_
};

/// Takes a driver's reports, made on any thread, to the registry's thread and waits for the answer.
/// Objects of a driver may outlive the registry and report still: they get kIOReturnNotReady.
class ReportsOnThread final : public channel::HostReports {
public:
    /// `thread` outlives the open `gate`; `reports` is called on it only, and not after Detach.
    ReportsOnThread(std::shared_ptr<ReportsGate> gate, channel::BusThread &thread,
                    channel::HostReports &reports)
        : gate_(std::move(gate)),
          thread_(thread),
          reports_(std::make_shared<channel::HostReports *>(&reports)) {}

    /// The driver is gone for the registry. On the registry's thread.
    void Detach() { *reports_ = nullptr; }

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
    int32_t JoinPowerTree(channel::EntryId entry) override;
    int32_t ChangePowerState(channel::EntryId entry, uint32_t flags) override;
    int32_t SetPowerOverride(channel::EntryId entry, bool enable) override;
    int32_t AdjustBusy(channel::EntryId entry, int32_t delta) override;
    std::expected<uint32_t, int32_t> GetBusyState(channel::EntryId entry) override;
    int32_t WatchServices(uint64_t watch, const PropertyValue &matching) override;
    std::expected<channel::EntryId, int32_t> SystemStateService() override;
    int32_t CreateStateItem(channel::EntryId entry, const std::string &name,
                            const PropertyValue &value) override;
    int32_t SetStateItem(channel::EntryId entry, const std::string &name,
                         const PropertyValue &value) override;
    std::expected<PropertyValue, int32_t> CopyStateItem(channel::EntryId entry,
                                                        const std::string &name) override;
    int32_t WatchStates(uint64_t watch, channel::EntryId service,
                        const std::vector<std::string> &names) override;
    void StopWatch(uint64_t watch) override;
    void ServiceStopped(channel::EntryId entry) override;
    void LogLine(uint32_t level, const std::string &text) override;

private:
    template <typename Operation>
    auto Ask(Operation operation);
    void Tell(std::function<void(channel::HostReports &)> operation);

    const std::shared_ptr<ReportsGate> gate_;
    channel::BusThread &thread_;
    /// NULL inside after Detach; used on the registry's thread only.
    const std::shared_ptr<channel::HostReports *> reports_;
};

}  // namespace opendext::embedded
