// SPDX-License-Identifier: Apache-2.0
#include "registry/watches.h"

#include <utility>

#include "registry/matching.h"

namespace opendext::registry {

namespace {

using channel::NotificationKind;

constexpr uint32_t kServiceIsTerminated = 0xe0000010;  // kIOMessageServiceIsTerminated

bool WantsTermination(NotificationKind kind) {
    return kind == NotificationKind::kTerminate || kind == NotificationKind::kWillTerminate;
}

}  // namespace

uint64_t Watches::WatchServices(NotificationKind kind, PropertyValue::Dictionary matching,
                                Deliver deliver, std::vector<EntryId> *existing) {
    for (const RegistryEntry *entry : tree_.All()) {
        // What lives has not been terminated: a watch for that begins empty.
        if (!WantsTermination(kind) && entry->registered && entry->active &&
            !FindMismatch(tree_, *entry, matching)) {
            existing->push_back(entry->id);
        }
    }
    const uint64_t watch = next_watch_++;
    services_.emplace(watch, ServiceWatch{kind, std::move(matching), std::move(deliver)});
    return watch;
}

uint64_t Watches::WatchInterest(EntryId service, DeliverMessage deliver) {
    const uint64_t watch = next_watch_++;
    interests_.emplace(watch, InterestWatch{service, std::move(deliver)});
    return watch;
}

void Watches::Stop(uint64_t watch) {
    services_.erase(watch);
    interests_.erase(watch);
}

template <typename Wants>
void Watches::Report(const RegistryEntry &entry, Wants wants) {
    std::vector<std::pair<uint64_t, Deliver>> due;  // a delivery may stop watches
    for (const auto &[watch, service_watch] : services_) {
        if (wants(service_watch.kind) && !FindMismatch(tree_, entry, service_watch.matching)) {
            due.emplace_back(watch, service_watch.deliver);
        }
    }
    for (const auto &[watch, deliver] : due) {
        if (services_.contains(watch)) {
            deliver(watch, entry.id);
        }
    }
}

void Watches::ServiceRegistered(const RegistryEntry &entry, bool first) {
    Report(entry, [first](NotificationKind kind) {
        const bool once =
            kind == NotificationKind::kFirstPublish || kind == NotificationKind::kFirstMatch;
        return once ? first : !WantsTermination(kind);
    });
}

void Watches::ServiceTerminated(const RegistryEntry &entry) {
    if (entry.registered) {
        Report(entry, WantsTermination);
    }
    std::vector<std::pair<uint64_t, DeliverMessage>> due;
    for (const auto &[watch, interest] : interests_) {
        if (interest.service == entry.id) {
            due.emplace_back(watch, interest.deliver);
        }
    }
    for (const auto &[watch, deliver] : due) {
        if (interests_.contains(watch)) {
            deliver(watch, entry.id, kServiceIsTerminated);
        }
    }
}

}  // namespace opendext::registry
