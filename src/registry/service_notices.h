// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <utility>

#include "channel/wire/host_seam.h"
#include "registry/host_table.h"
#include "registry/registry_tree.h"
#include "registry/watches.h"

namespace opendext::registry {

/// Which services driver processes watch (semantics.md 4.6). On the registry's thread.
class ServiceNotices {
public:
    ServiceNotices(const RegistryTree &tree, Watches &watches, HostTable &hosts)
        : tree_(tree), watches_(watches), hosts_(hosts) {}
    ServiceNotices(const ServiceNotices &) = delete;
    ServiceNotices &operator=(const ServiceNotices &) = delete;

    /// HostReports::WatchServices of that process.
    int32_t Watch(HostId host, uint64_t watch, const PropertyValue &matching);
    void Stop(HostId host, uint64_t watch);

    /// Whether the process has been told of the service, and not of its end.
    [[nodiscard]] bool HasReported(HostId host, EntryId service) const;

    /// The process is gone, and its watches with it.
    void HostGone(HostId host);

private:
    using Key = std::pair<HostId, uint64_t>;
    struct Watched {
        uint64_t matches = 0;              ///< Name in watches_.
        std::map<EntryId, uint64_t> ends;  ///< Names in watches_, by the service that was reported.
    };

    void Matched(const Key &key, EntryId service);
    void Terminated(const Key &key, EntryId service);
    [[nodiscard]] bool MaySee(HostId host, const RegistryEntry &service);
    void Notify(const Key &key, channel::ServiceEvent event, const RegistryEntry &service);
    void StopAll(const Watched &watched);

    const RegistryTree &tree_;
    Watches &watches_;
    HostTable &hosts_;
    std::map<Key, Watched> watched_;
};

}  // namespace opendext::registry
