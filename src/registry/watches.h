// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "channel/wire/service_directory.h"
#include "registry/registry_tree.h"

namespace opendext::registry {

/// Who wants to know of services that appear and go (semantics.md 7.3). Delivery is a plain call on the
/// registry's thread; it may stop watches, but not change the registry. A watch lives until it is stopped.
class Watches {
public:
    explicit Watches(const RegistryTree &tree) : tree_(tree) {}

    using Deliver = std::function<void(uint64_t watch, EntryId service)>;
    using DeliverMessage =
        std::function<void(uint64_t watch, EntryId service, uint32_t message_type)>;

    /// Reports services that match from now on; `existing` receives those that do already. A watch for
    /// terminations begins empty, as on the original: what lives has not been terminated.
    uint64_t WatchServices(channel::NotificationKind kind, PropertyValue::Dictionary matching,
                           Deliver deliver, std::vector<EntryId> *existing);

    /// Reports kIOMessageServiceIsTerminated of one service.
    uint64_t WatchInterest(EntryId service, DeliverMessage deliver);

    /// An unknown name is ignored.
    void Stop(uint64_t watch);

    /// The service has been registered, for the first time or again.
    void ServiceRegistered(const RegistryEntry &entry, bool first);

    /// The service's termination has begun.
    void ServiceTerminated(const RegistryEntry &entry);

private:
    struct ServiceWatch {
        channel::NotificationKind kind;
        PropertyValue::Dictionary matching;
        Deliver deliver;
    };
    struct InterestWatch {
        EntryId service;
        DeliverMessage deliver;
    };

    template <typename Wants>
    void Report(const RegistryEntry &entry, Wants wants);

    const RegistryTree &tree_;
    uint64_t next_watch_ = 1;
    std::map<uint64_t, ServiceWatch> services_;
    std::map<uint64_t, InterestWatch> interests_;
};

}  // namespace opendext::registry
