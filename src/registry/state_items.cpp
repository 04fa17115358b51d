// SPDX-License-Identifier: Apache-2.0
#include "registry/state_items.h"

#include <algorithm>

#include "channel/wire/io_result.h"

namespace opendext::registry {

EntryId StateItems::SystemService() {
    if (system_ == EntryId::kNone) {
        constexpr char kClass[] = "IOSystemStateNotification";
        RegistryEntry &entry = tree_.Add(tree_.root(), kClass, kClass);
        entry.started = true;
        system_ = entry.id;
    }
    return system_;
}

StateItems::Items *StateItems::ItemsOf(EntryId service) {
    ForgetEnded();
    return tree_.Find(service) != nullptr ? &items_[service] : nullptr;
}

void StateItems::ForgetEnded() {
    std::erase_if(items_, [this](const auto &each) { return tree_.Find(each.first) == nullptr; });
}

void StateItems::Publish(EntryId service, const Items &items) {
    PropertyValue::Dictionary shown;
    for (const auto &[name, value] : items) {
        shown.insert_or_assign(
            name, value.is_null() ? PropertyValue(PropertyValue::Dictionary()) : value);
    }
    tree_.Find(service)->properties.insert_or_assign(kItemsKey, std::move(shown));
}

int32_t StateItems::Create(EntryId service, const std::string &name, const PropertyValue &value) {
    if (name.empty() || (!value.is_null() && value.IfDictionary() == nullptr)) {
        return channel::kIoBadArgument;
    }
    Items *items = ItemsOf(service);
    if (items == nullptr) {
        return channel::kIoNotFound;
    }
    if (items->contains(name)) {
        return channel::kIoExclusiveAccess;
    }
    if (items->size() >= kMostItems) {
        return channel::kIoNoResources;
    }
    items->emplace(name, value);
    Publish(service, *items);
    return channel::kSuccess;
}

int32_t StateItems::Set(EntryId service, const std::string &name, const PropertyValue &value) {
    if (value.IfDictionary() == nullptr) {
        return channel::kIoBadArgument;
    }
    Items *items = ItemsOf(service);
    const auto item = items != nullptr ? items->find(name) : Items::iterator();
    if (items == nullptr || item == items->end()) {
        return channel::kIoNotFound;
    }
    item->second = value;
    Publish(service, *items);
    for (const auto &[key, watched] : watches_) {
        const DriverHost *host = watched.service == service && watched.names.contains(name)
                                     ? hosts_.Find(key.first)
                                     : nullptr;
        if (host != nullptr && host->port != nullptr) {
            host->port->NotifyState(key.second);
        }
    }
    return channel::kSuccess;
}

std::expected<PropertyValue, int32_t> StateItems::Copy(EntryId service,
                                                       const std::string &name) const {
    const auto items = items_.find(service);
    if (items == items_.end()) {
        return std::unexpected(channel::kIoNotFound);
    }
    const auto item = items->second.find(name);
    if (item == items->second.end()) {
        return std::unexpected(channel::kIoNotFound);
    }
    if (item->second.is_null()) {
        return std::unexpected(channel::kIoNotReady);
    }
    return item->second;
}

int32_t StateItems::Watch(HostId host, uint64_t watch, EntryId service,
                          const std::vector<std::string> &names) {
    if (names.empty() || watches_.contains({host, watch})) {
        return channel::kIoBadArgument;
    }
    const auto first = watches_.lower_bound({host, 0});
    const auto last = watches_.lower_bound({host + 1, 0});
    if (static_cast<size_t>(std::distance(first, last)) >= kMostWatches) {
        return channel::kIoNoResources;
    }
    watches_.emplace(std::pair(host, watch),
                     Watched{.service = service, .names = {names.begin(), names.end()}});
    return channel::kSuccess;
}

void StateItems::Stop(HostId host, uint64_t watch) {
    watches_.erase({host, watch});
}

void StateItems::HostGone(HostId host) {
    watches_.erase(watches_.lower_bound({host, 0}), watches_.lower_bound({host + 1, 0}));
}

}  // namespace opendext::registry
