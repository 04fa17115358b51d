// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/property_value.h"
#include "registry/host_table.h"
#include "registry/registry_tree.h"

namespace opendext::registry {

/// States of services, of the system's and of drivers' own, and who watches them (semantics.md 4.6). Applications see
/// them as the property kItemsKey of the service. On the registry's thread.
class StateItems {
public:
    static constexpr char kItemsKey[] = "IOStateNotificationItems";
    static constexpr size_t kMostItems = 1024;    ///< Of a service.
    static constexpr size_t kMostWatches = 4096;  ///< Of a process.

    StateItems(RegistryTree &tree, HostTable &hosts) : tree_(tree), hosts_(hosts) {}
    StateItems(const StateItems &) = delete;
    StateItems &operator=(const StateItems &) = delete;

    /// The entry that the system's states are items of; made when somebody asks for it first.
    EntryId SystemService();
    [[nodiscard]] bool IsSystem(EntryId service) const {
        return service != EntryId::kNone && service == system_;
    }

    /// RegistryPort's methods; who may do that is checked already. The entry exists.
    int32_t Create(EntryId service, const std::string &name, const PropertyValue &value);
    int32_t Set(EntryId service, const std::string &name, const PropertyValue &value);
    [[nodiscard]] std::expected<PropertyValue, int32_t> Copy(EntryId service,
                                                             const std::string &name) const;

    /// HostReports::WatchStates of that process, and its end.
    int32_t Watch(HostId host, uint64_t watch, EntryId service,
                  const std::vector<std::string> &names);
    void Stop(HostId host, uint64_t watch);

    /// The process is gone, and its watches with it.
    void HostGone(HostId host);

private:
    using Items = std::map<std::string, PropertyValue>;  // null: no value yet
    struct Watched {
        EntryId service = EntryId::kNone;
        std::set<std::string> names;
    };

    /// The items of an entry that is still there: those of one that has gone are forgotten.
    Items *ItemsOf(EntryId service);
    void Publish(EntryId service, const Items &items);
    void ForgetEnded();

    RegistryTree &tree_;
    HostTable &hosts_;
    EntryId system_ = EntryId::kNone;
    std::map<EntryId, Items> items_;
    std::map<std::pair<HostId, uint64_t>, Watched> watches_;
};

}  // namespace opendext::registry
