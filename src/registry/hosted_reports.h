// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "channel/wire/host_seam.h"
#include "registry/registry_tree.h"

namespace opendext::registry {

class Registry;

/// What one driver process may do to the registry. It may change the entries of its own services only, and
/// read those, what they stand on (their provider and its ancestors), the other parts of the same devices (the
/// system's entries beside their own providers) and the services that its watches have reported. Owned by that process's DriverHost; on the registry's thread.
class HostedReports final : public channel::HostReports {
public:
    HostedReports(Registry &registry, HostId host) : registry_(registry), host_(host) {}

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

private:
    /// The entry when it is a service of this process, else NULL.
    RegistryEntry *Own(EntryId entry);
    /// Whether the entry is that, or one of them stands on it.
    [[nodiscard]] bool Carries(EntryId entry) const;
    /// Whether the process may make and set states of the entry: of its own services and of the system.
    [[nodiscard]] bool MayChangeStates(EntryId entry);
    /// Whether it may read them.
    [[nodiscard]] bool MayReadStates(EntryId entry);
    /// The entry when the process may read it, else NULL.
    RegistryEntry *Visible(EntryId entry);

    Registry &registry_;
    const HostId host_;
};

}  // namespace opendext::registry
