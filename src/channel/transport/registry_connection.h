// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "channel/transport/bus_peer.h"
#include "channel/wire/host_seam.h"

namespace opendext::channel {

/// The registry as a driver process reaches it, over the socket that it was started with: sends reports, and
/// passes the registry's orders to a DextHostPort. Reports may be made on any thread but the bus thread; those
/// that have no answer, on any. Once the registry is gone they fail with kIOReturnOffline.
class RegistryConnection final : public HostReports {
public:
    /// Takes the process's end. `on_end` runs on the bus thread when the registry is gone, and when it orders the
    /// end while no orders are served. @return errno.
    [[nodiscard]] static std::expected<std::unique_ptr<RegistryConnection>, int> Attach(
        BusThread &bus_thread, UniqueFd socket, std::function<void()> on_end);

    ~RegistryConnection() override;

    /// Tells the registry that orders are served: `port` is called on the bus thread, and may answer on any, until
    /// StopServing or the end of this object.
    void Serve(DextHostPort &port);

    /// After return the port is not called any more; orders are refused. Not on the bus thread.
    void StopServing();

    /// Tells the registry, instead of Serve, that this process cannot serve.
    void ReportFailure(int32_t result);

    std::expected<EntryId, int32_t> CreateChild(EntryId creator,
                                                const PropertyValue &properties) override;
    void ChildFailed(EntryId entry) override;
    int32_t RegisterService(EntryId entry) override;
    int32_t Terminate(EntryId entry) override;
    std::expected<PropertyValue, int32_t> CopyProperties(EntryId entry) override;
    int32_t MergeProperties(EntryId entry, const PropertyValue &properties) override;
    int32_t RemoveProperty(EntryId entry, const std::string &key) override;
    std::expected<PropertyValue, int32_t> SearchProperty(EntryId entry, const std::string &key,
                                                         const std::string &plane,
                                                         bool parents) override;
    int32_t SetName(EntryId entry, const std::string &name) override;
    std::expected<std::string, int32_t> CopyName(EntryId entry) override;
    std::expected<std::vector<PropertyValue>, int32_t> CopyProviderProperties(
        EntryId entry, const std::vector<std::string> &keys) override;
    std::expected<RelatedEntry, int32_t> CopyParent(EntryId entry) override;
    std::expected<std::vector<RelatedEntry>, int32_t> CopyChildren(EntryId entry) override;
    std::expected<UniqueFd, int32_t> OpenDevice(EntryId entry) override;
    int32_t JoinPowerTree(EntryId entry) override;
    int32_t ChangePowerState(EntryId entry, uint32_t flags) override;
    int32_t SetPowerOverride(EntryId entry, bool enable) override;
    int32_t AdjustBusy(EntryId entry, int32_t delta) override;
    std::expected<uint32_t, int32_t> GetBusyState(EntryId entry) override;
    int32_t WatchServices(uint64_t watch, const PropertyValue &matching) override;
    std::expected<EntryId, int32_t> SystemStateService() override;
    int32_t CreateStateItem(EntryId entry, const std::string &name,
                            const PropertyValue &value) override;
    int32_t SetStateItem(EntryId entry, const std::string &name,
                         const PropertyValue &value) override;
    std::expected<PropertyValue, int32_t> CopyStateItem(EntryId entry,
                                                        const std::string &name) override;
    int32_t WatchStates(uint64_t watch, EntryId service,
                        const std::vector<std::string> &names) override;
    void StopWatch(uint64_t watch) override;
    void ServiceStopped(EntryId entry) override;
    void LogLine(uint32_t level, const std::string &text) override;

    /// How many lines of LogLine are not sent yet. Valid for as long as this object.
    [[nodiscard]] const std::atomic<uint32_t> &num_waiting_lines() const {
        return *num_waiting_lines_;
    }

    // Orders of the registry; bus thread.
    int OnStartService(sd_bus_message *call);
    int OnOpenClient(sd_bus_message *call);
    int OnStopService(sd_bus_message *call);
    int OnSetPowerState(sd_bus_message *call);
    int OnReadReports(sd_bus_message *call);

private:
    RegistryConnection() = default;
    void SetUpPeer(BusPeer &peer);
    /// As BusServiceDirectory::Ask.
    [[nodiscard]] int32_t Ask(const char *member, BusPeer::Write write,
                              std::move_only_function<void(MessageReader &)> read);
    [[nodiscard]] int32_t AskResult(const char *member, BusPeer::Write write);

    DextHostPort *port_ = nullptr;  // used on the bus thread only; NULL before Serve
    std::function<void()> on_end_;
    const std::shared_ptr<std::atomic<uint32_t>> num_waiting_lines_ =
        std::make_shared<std::atomic<uint32_t>>(0);
    std::atomic<uint64_t> num_lost_lines_ = 0;  // since the last that was sent
    std::unique_ptr<BusPeer> peer_;
};

}  // namespace opendext::channel
